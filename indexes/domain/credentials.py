"""The token of an index's reader, out of an `Authorization` header."""

import base64
import binascii

TOKEN_USER = "__token__"  # noqa: S105  # the name that stands for "a token", as PyPI has it


def token_of(authorization: str | None) -> str | None:
    """The secret that pip and uv send with Basic as the user `__token__`, or that of a Bearer.

    RFC 7617 and RFC 6750; None when there is no such thing.

    >>> token_of("Basic X190b2tlbl9fOmFmZnJfeA==")
    'affr_x'
    """
    scheme, _, given = (authorization or "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return given.strip() or None
    if scheme.lower() != "basic":
        return None
    try:
        user, _, secret = base64.b64decode(given.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return secret if user == TOKEN_USER and secret else None
