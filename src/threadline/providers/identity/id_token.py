"""Whether an ID token is what it says: its signature and its claims. Loaded with the first one that comes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import (
    BadSignatureError,
    ExpiredTokenError,
    InvalidClaimError,
    InvalidKeyIdError,
    JoseError,
    MissingClaimError,
    UnsupportedAlgorithmError,
)
from joserfc.jwk import JWKRegistry, Key, KeySet

from threadline.domain.login_failures import FailureCode, LoginFailed

_ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""By which a provider may sign: none of those where a client's secret is the key."""

_LEEWAY: Final = 60
_LONGEST_SUBJECT: Final = 255
_OF_CLAIM: Final[Mapping[str, FailureCode]] = {
    "iss": "token_issuer",
    "aud": "token_audience",
    "azp": "token_audience",
    "nonce": "token_nonce",
    "exp": "token_expired",
    "iat": "token_expired",
    "nbf": "token_expired",
}


class UnknownKey(Exception):
    """None of the keys is the one that a token names."""


def claims_of(
    token: str,
    keys: Collection[Mapping[str, Any]],
    algorithms: Collection[str],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    access_token: str | None,
    now: float,
) -> dict[str, Any]:
    """What a token says, where all of it is right; ``now`` is Unix seconds. Raises ``LoginFailed``, and
    :class:`UnknownKey`."""
    allowed = [one for one in _ALGORITHMS if one in algorithms]
    if not allowed:
        # An empty list would be taken for the usual ones, shared secrets among them.
        raise LoginFailed("token_signature")
    try:
        decoded = jwt.decode(token, KeySet(_usable(keys)), algorithms=allowed)
    except InvalidKeyIdError:
        raise UnknownKey from None
    except (BadSignatureError, UnsupportedAlgorithmError):
        raise LoginFailed("token_signature") from None
    except (JoseError, ValueError, TypeError, KeyError):
        raise LoginFailed("token_invalid") from None
    wanted = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}}
    given = {"nonce": nonce, "client_id": client_id, "access_token": access_token}
    claims = CodeIDToken(decoded.claims, decoded.header, wanted, given)
    try:
        claims.validate(int(now), _LEEWAY)
    except ExpiredTokenError:
        raise LoginFailed("token_expired") from None
    except (InvalidClaimError, MissingClaimError) as fault:
        raise LoginFailed(_OF_CLAIM.get(fault.claim, "token_invalid")) from None
    except (JoseError, ValueError, TypeError):
        raise LoginFailed("token_invalid") from None
    found = dict(claims)
    subject = found["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT:
        raise LoginFailed("token_invalid")
    return found


def _usable(keys: Collection[Mapping[str, Any]]) -> list[Key]:
    """Those that can be read, and are for signatures that others can check; a provider may publish more."""
    found: list[Key] = []
    for key in keys:
        if key.get("use", "sig") != "sig" or key.get("kty") == "oct":
            continue
        try:
            found.append(JWKRegistry.import_key(dict(key)))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return found
