"""What proves that a webhook or a token is this server's: keys that are derived from the secret of the installation."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_WEBHOOKS: Final = b"threadline webhooks ed25519"
_WAKES: Final = b"threadline wake tokens"
_READING: Final = b"threadline reading keys"
_PREFIX: Final = "tlw_"
_LONGEST: Final = 300


class Signing:
    """Signs with the first of ``secrets`` and knows what any of them signed, so that a new one can be put before the
    old without anybody noticing."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._wakes = [derived(secret, _WAKES) for secret in secrets]
        self._reading = [derived(secret, _READING) for secret in secrets]
        self._secrets = tuple(secrets)

    def token(self, subscription_id: str, generation: int) -> str:
        """The token of one generation of a subscription: always the same, so that a wake that is delivered twice is
        one wake. It ends with its generation."""
        text = f"{subscription_id}.{generation}"
        return f"{_PREFIX}{text}.{_base64(hmac.digest(self._wakes[0], text.encode(), sha256))}"

    def read(self, token: str) -> tuple[str, int] | None:
        """The subscription's id and the generation that a token is for; None where it is none of ours."""
        if len(token) > _LONGEST or not token.startswith(_PREFIX):
            return None
        text, _, proof = token.removeprefix(_PREFIX).rpartition(".")
        subscription_id, _, generation = text.partition(".")
        if not token.isascii() or not generation.isdigit():
            return None
        given = proof.encode()
        for key in self._wakes:
            if hmac.compare_digest(_base64(hmac.digest(key, text.encode(), sha256)).encode(), given):
                return subscription_id, int(generation)
        return None

    def reading_key(self, path: str, reader: str, until: float) -> str:
        """What lets whoever has it read the stream at ``path``, and nothing else, until then, in Unix seconds, and as
        long as the user ``reader`` may."""
        signed = _to_read(path, reader, int(until))
        return f"{int(until)}.{reader}.{_base64(hmac.digest(self._reading[0], signed, sha256))}"

    def reader_of(self, key: str, path: str, now: float) -> str | None:
        """The user whose key it is, where it is one for this path and not over."""
        until, _, rest = key.partition(".")
        reader, _, proof = rest.partition(".")
        if len(key) > _LONGEST or not key.isascii() or not until.isdigit() or int(until) < now:
            return None
        signed = _to_read(path, reader, int(until))
        proofs = [_base64(hmac.digest(own, signed, sha256)) for own in self._reading]
        return reader if any(hmac.compare_digest(one, proof) for one in proofs) else None

    def signature(self, body: bytes, now: float) -> str:
        """The value of ``webhook-signature`` for a body that is sent at ``now``, Unix seconds."""
        at = int(now)
        signed = self._keys[0].private.sign(b"%d.%b" % (at, body))
        return f"t={at},kid={self._keys[0].kid},ed25519={_base64(signed)}"

    @property
    def kid(self) -> str:
        """The name of the key that signs now."""
        return self._keys[0].kid

    def jwks(self) -> dict[str, Any]:
        """The public keys, as a JSON Web Key Set."""
        return {"keys": [{**key.public, "kid": key.kid, "use": "sig", "alg": "EdDSA"} for key in self._keys]}

    @cached_property
    def _keys(self) -> list[_Key]:
        return [_key(secret) for secret in self._secrets]


@dataclass(frozen=True, slots=True)
class _Key:
    private: Ed25519PrivateKey
    public: dict[str, str]
    kid: str


def _to_read(path: str, reader: str, until: int) -> bytes:
    return f"{until}\n{reader}\n{path}".encode()


def derived(secret: bytes, purpose: bytes) -> bytes:
    """A key of 32 bytes for one purpose, by HKDF-SHA256 without salt (RFC 5869)."""
    return hmac.digest(hmac.digest(bytes(32), secret, sha256), purpose + b"\x01", sha256)


def _key(secret: bytes) -> _Key:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.from_private_bytes(derived(secret, _WEBHOOKS))
    x = _base64(private.public_key().public_bytes_raw())
    # The thumbprint of RFC 7638: these members, in this order, without blanks.
    thumbprint = sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest()
    return _Key(private, {"kty": "OKP", "crv": "Ed25519", "x": x}, f"ds_{_base64(thumbprint)}")


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
