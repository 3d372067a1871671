"""Lease tokens: the builder holds one, the database only its hash."""

import hashlib
import secrets


def new_lease() -> tuple[str, str]:
    """Return a token and its hash."""
    token = secrets.token_urlsafe(32)
    return token, lease_hash(token)


def lease_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
