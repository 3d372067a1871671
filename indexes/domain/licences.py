"""Licences as SPDX expressions: what metadata states, and whether a choice of them allows it."""

from collections.abc import Collection, Iterable, Sequence

from license_expression import ExpressionError, Licensing
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.metadata import RawMetadata, parse_email

from indexes.errors import IndexesError

_LICENSING = Licensing()
_PREFIX = "License :: OSI Approved :: "
# Only those that mean one licence: "BSD License" and "Apache Software License" are several.
_CLASSIFIERS = {
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
EXPRESSION_LENGTH = 255


class NotOneLicence(IndexesError):
    """What an index is to allow is no SPDX licence, or a combination of several."""

    code = "not-one-licence"

    def __init__(self, given: str) -> None:
        self.given = given[:EXPRESSION_LENGTH]
        super().__init__(
            f"{self.given!r} is not one SPDX licence: write each that you allow by itself, such as"
            " MIT or GPL-2.0-only WITH Classpath-exception-2.0, without AND and OR."
        )


def canonical_licence(expression: str) -> str | None:
    """The SPDX expression as it is written, or None when it is none.

    >>> canonical_licence("mit or apache-2.0")
    'MIT OR Apache-2.0'
    """
    try:
        return str(canonicalize_license_expression(expression))
    except InvalidLicenseExpression:
        return None


def one_licence(given: str) -> str:
    """One licence, with its exception if it has one; raises `NotOneLicence`."""
    licence = canonical_licence(given) if len(given) <= EXPRESSION_LENGTH else None
    if licence is None or {"AND", "OR"} & set(licence.split()):
        raise NotOneLicence(given)
    return licence.strip("()").strip()


def licence_stated(raw: RawMetadata) -> tuple[str, str]:
    """The SPDX expression of core metadata, and the field that it stands in; empty when unclear."""
    for place, stated in (
        ("License-Expression", raw.get("license_expression", "")),
        ("License", raw.get("license", "")),
        ("Classifier", _of_classifiers(raw.get("classifiers", []))),
    ):
        if stated and (expression := canonical_licence(stated)):
            return expression, place
    return "", ""


def licence_of_metadata(metadata: bytes) -> str:
    """The SPDX expression that METADATA of a wheel states; empty when unclear, or too long."""
    raw, _ = parse_email(metadata)
    expression, _ = licence_stated(raw)
    return expression if len(expression) <= EXPRESSION_LENGTH else ""


def is_allowed(expression: str, allowed: Collection[str]) -> bool:
    """Whether the licences `allowed` are enough to use what is under `expression`.

    Of alternatives (OR) one has to be allowed, of what holds together (AND) each.

    >>> is_allowed("MIT OR GPL-3.0-only", {"MIT"}), is_allowed("MIT AND ISC", {"MIT"})
    (True, False)
    """
    try:
        return _is_allowed(_LICENSING.parse(expression), frozenset(allowed))
    except ExpressionError:
        return False


def _is_allowed(part: object, allowed: frozenset[str]) -> bool:
    arguments: Iterable[object] = getattr(part, "args", ())
    if isinstance(part, _LICENSING.OR):
        return any(_is_allowed(each, allowed) for each in arguments)
    if isinstance(part, _LICENSING.AND):
        return all(_is_allowed(each, allowed) for each in arguments)
    return str(part) in allowed


def _of_classifiers(classifiers: Sequence[str]) -> str:
    licences = [name for name in classifiers if name.startswith("License :: ")]
    if len(licences) != 1:
        return ""
    return _CLASSIFIERS.get(licences[0].removeprefix(_PREFIX), "")
