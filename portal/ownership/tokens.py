"""Tokens of GitHub Actions: an OpenID Connect issuer's word on which workflow is running.

RFC 7519, OpenID Connect Discovery 1.0, and GitHub's reference of the claims.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from portal.errors import EvidenceUnreachable
from portal.ownership.conf import ownership_config
from portal.ownership.fetching import fetch_json

LEEWAY = timedelta(seconds=30)
ALGORITHMS = ["RS256"]
MAX_LENGTH = 16 * 1024
_REQUIRED = ["iss", "aud", "exp", "iat", "jti"]


class BadToken(Exception):
    """It is not the issuer's, or not good now; the message says which."""


@dataclass(frozen=True, slots=True)
class Token:
    """The claims of a token whose signature is the issuer's, and which is good now."""

    issuer: str
    jti: str
    audience: Any
    expires_at: datetime
    claims: dict[str, Any]

    def text(self, claim: str) -> str:
        """A claim as text; empty when the token has none."""
        value = self.claims.get(claim, "")
        return str(value) if isinstance(value, str | int) else ""


def read_token(raw: str, *, at: datetime) -> Token:
    """Verify everything but whom it is for. Raises `BadToken`, `EvidenceUnreachable`."""
    issuer = ownership_config().actions_issuer
    if len(raw) > MAX_LENGTH:
        raise BadToken("it is too long")
    try:
        key = _key_of(jwt.get_unverified_header(raw).get("kid", ""), issuer)
        claims = jwt.decode(
            raw,
            key,
            algorithms=ALGORITHMS,
            issuer=issuer,
            options={
                "require": _REQUIRED,
                "verify_aud": False,
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
    except jwt.InvalidIssuerError as error:
        raise BadToken(f"it was not issued by {issuer}") from error
    except jwt.InvalidTokenError as error:
        raise BadToken(str(error)) from error
    begins, ends = _time(claims, "nbf", "iat"), _time(claims, "exp")
    if at > ends + LEEWAY:
        raise BadToken(f"it ended at {ends:%H:%M:%S} UTC")
    if at < begins - LEEWAY:
        raise BadToken(f"it is good from {begins:%H:%M:%S} UTC only")
    if not isinstance(claims["jti"], str) or not claims["jti"]:
        raise BadToken("it has no identifier (jti)")
    return Token(issuer, claims["jti"], claims["aud"], ends, claims)


def _time(claims: dict[str, Any], *names: str) -> datetime:
    for name in names:
        if isinstance(value := claims.get(name), int | float):
            return datetime.fromtimestamp(value, UTC)
    raise BadToken(f"its {names[-1]} is no time")


def _key_of(kid: str, issuer: str) -> jwt.PyJWK:
    """The issuer's key of that name, as it is published now."""
    what = f"the keys of {issuer}"
    found = fetch_json(f"{issuer}/.well-known/openid-configuration", what=what).json
    address = found.get("jwks_uri") if isinstance(found, dict) else None
    keys = fetch_json(str(address), what=what).json if address else None
    try:
        published = jwt.PyJWKSet.from_dict(keys or {}).keys
    except (jwt.PyJWTError, AttributeError, TypeError) as error:
        raise EvidenceUnreachable(what, "they cannot be read") from error
    for key in published:
        if key.key_id == kid:
            return key
    raise BadToken("it is signed with a key that its issuer does not publish")
