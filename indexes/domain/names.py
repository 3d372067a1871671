"""Names of projects and versions, parsed at the edge (PEP 503, PEP 440, PEP 508)."""

import re

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from indexes.errors import IndexesError

__all__ = [
    "NAME_LENGTH",
    "VERSION_LENGTH",
    "InvalidProjectName",
    "InvalidVersionName",
    "NormalizedName",
    "parse_project_name",
    "parse_version",
]

NAME_LENGTH = 214
VERSION_LENGTH = 128
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


class InvalidProjectName(IndexesError):
    code = "invalid-project-name"

    def __init__(self, given: str) -> None:
        self.given = given
        super().__init__(
            f"{given[:NAME_LENGTH]!r} is no project name: write letters, digits, '-', '_' and '.', "
            f"beginning and ending with a letter or digit, at most {NAME_LENGTH} in all."
        )


class InvalidVersionName(IndexesError):
    code = "invalid-version"

    def __init__(self, given: str) -> None:
        self.given = given
        super().__init__(
            f"{given[:VERSION_LENGTH]!r} is no version: write one as in PEP 440, such as 1.4.2."
        )


def parse_project_name(value: str) -> NormalizedName:
    """The normalised form of a project's name (PEP 503); raises `InvalidProjectName`.

    >>> parse_project_name("python_Levenshtein")
    'python-levenshtein'
    """
    if len(value) > NAME_LENGTH or not _NAME.fullmatch(value):
        raise InvalidProjectName(value)
    return canonicalize_name(value)


def parse_version(value: str) -> Version:
    """The version (PEP 440); raises `InvalidVersionName`."""
    if len(value) > VERSION_LENGTH:
        raise InvalidVersionName(value)
    try:
        return Version(value)
    except InvalidVersion as error:
        raise InvalidVersionName(value) from error
