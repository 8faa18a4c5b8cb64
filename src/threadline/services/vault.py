"""The vault: seals users' keys so that whoever has the database alone can read none, and nobody another's."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from threadline.domain.errors import MissingKey
from threadline.services.signing import derived
from threadline.world import World

# What does the sealing is loaded with the first key: most servers start without any, and all want to start fast.

_PURPOSE: Final = b"threadline users' keys aes-256-gcm"
_TAG: Final = b"threadline user key"
_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12
_ID_DIGITS: Final = 16


class Vault:
    """Seals with AES-256-GCM under the first of ``secrets`` and opens what any of them sealed. What is sealed belongs
    to one user and provider, and opens for no other.

    Sealed is a byte for the version, the nonce, and the ciphertext with its tag.
    """

    def __init__(self, secrets: Sequence[bytes], world: World) -> None:
        self._world = world
        derivations = [derived(secret, _PURPOSE) for secret in secrets]
        self._masters = {sha256(master).hexdigest()[:_ID_DIGITS]: master for master in derivations}

    @property
    def masters(self) -> tuple[str, ...]:
        """The ids of the master keys that are known; the first one seals."""
        return tuple(self._masters)

    @property
    def master(self) -> str:
        """The id of the master key that seals."""
        return self.masters[0]

    def seal(self, text: str, user_id: str, provider: str) -> bytes:
        """Seal a user's key for a provider under the master key in force."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = self._world.entropy(_NONCE_BYTES)
        sealed = AESGCM(self._masters[self.master]).encrypt(nonce, text.encode(), _bound_to(user_id, provider))
        return _VERSION + nonce + sealed

    def open(self, sealed: bytes, master: str, user_id: str, provider: str) -> str:
        """A user's key for a provider. Raises ``MissingKey`` where it cannot be read, and says what to do."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key = self._masters.get(master)
        if key is None:
            raise lost(provider, master)
        nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            if sealed[:1] != _VERSION:
                raise ValueError("not of a version that is known")
            return AESGCM(key).decrypt(nonce, rest, _bound_to(user_id, provider)).decode()
        except (InvalidTag, ValueError):
            raise MissingKey(
                f"Your {provider} API key is damaged and cannot be read. Add it again in Settings.",
                surface="keys",
                details={"provider": provider},
            ) from None


def lost(provider: str, master: str) -> MissingKey:
    """What is told where a key was sealed under a secret that is not known here."""
    return MissingKey(
        f"Your {provider} API key cannot be read: it was sealed under a secret that this server does not have. Whoever "
        "runs the server can put the old secret back behind the new one in THREADLINE_SECRET; or add the key again in "
        "Settings.",
        surface="keys",
        details={"provider": provider, "master": master},
    )


def _bound_to(user_id: str, provider: str) -> bytes:
    """The associated data. Each word has its length before it, so that no two pairs are written alike."""
    words = (_TAG, user_id.encode(), provider.encode())
    return b"".join(len(word).to_bytes(4, "big") + word for word in words)
