"""What a licence asks of who gives wheels to others, and whether we do that. Pure.

The classes are those of the licence index that `license-expression` brings (ScanCode's
LicenseDB); of alternatives (OR) we take the least demanding, and say which.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

from license_expression import ExpressionError, Licensing

_LICENSING = Licensing()


class LicenceClass(StrEnum):
    """From what asks least to what we do not publish."""

    PERMISSIVE = "permissive"
    WEAK_COPYLEFT = "weak-copyleft"
    STRONG_COPYLEFT = "strong-copyleft"
    VENDOR = "vendor"
    UNCLEAR = "unclear"

    @property
    def label(self) -> str:
        return _LABELS[self]

    @property
    def is_copyleft(self) -> bool:
        return self in {LicenceClass.WEAK_COPYLEFT, LicenceClass.STRONG_COPYLEFT}

    @property
    def refusal(self) -> str:
        """Why wheels under it are not published; empty when they are."""
        return _REFUSALS.get(self, "")

    @property
    def duties(self) -> tuple[str, ...]:
        """What we do because of it, each in one sentence."""
        if self.refusal:
            return ()
        kept = (_KEEP_SOURCES,) if self.is_copyleft else ()
        return (_SHIP_TEXTS, _LIST_LIBRARIES, *kept)


_LABELS: Mapping[LicenceClass, str] = {
    LicenceClass.PERMISSIVE: "Permissive",
    LicenceClass.WEAK_COPYLEFT: "Weak copyleft",
    LicenceClass.STRONG_COPYLEFT: "Strong copyleft",
    LicenceClass.VENDOR: "Vendor or restricted terms",
    LicenceClass.UNCLEAR: "None, or one that has no SPDX name",
}
_SHIP_TEXTS = (
    "The licence files that the wheel's metadata names are in the wheel, or it is not published."
)
_LIST_LIBRARIES = (
    "Libraries that are copied into a wheel are listed in it with their versions and licences."
)
_KEEP_SOURCES = (
    "The source distribution is kept here and offered beside the wheels; none is listed before."
)
_REFUSALS: Mapping[LicenceClass, str] = {
    LicenceClass.VENDOR: (
        "it limits who may pass copies on or what they may do with them, and we can neither check"
        " nor keep such terms for everybody who downloads a wheel"
    ),
    LicenceClass.UNCLEAR: (
        "it has no SPDX name that we know (a LicenseRef- is only a name of your own), so nobody"
        " can tell what it allows"
    ),
}
_CLASS_OF_CATEGORY: Mapping[str, LicenceClass] = {
    "Permissive": LicenceClass.PERMISSIVE,
    "Public Domain": LicenceClass.PERMISSIVE,
    "Copyleft Limited": LicenceClass.WEAK_COPYLEFT,
    "Copyleft": LicenceClass.STRONG_COPYLEFT,
    "CLA": LicenceClass.VENDOR,
    "Commercial": LicenceClass.VENDOR,
    "Free Restricted": LicenceClass.VENDOR,
    "Patent License": LicenceClass.VENDOR,
    "Proprietary Free": LicenceClass.VENDOR,
    "Source-available": LicenceClass.VENDOR,
    "Unstated License": LicenceClass.UNCLEAR,
}
_RANK = {licence_class: rank for rank, licence_class in enumerate(LicenceClass)}


@dataclass(frozen=True, slots=True)
class Judged:
    """What comes of an expression. `chosen` is the part of it that we take."""

    expression: str
    chosen: str
    licence_class: LicenceClass

    @property
    def is_choice(self) -> bool:
        return self.chosen != self.expression


def judge(expression: str) -> Judged:
    """Which part of an SPDX expression we would publish under, and what it asks.

    >>> judge("GPL-3.0-only OR MIT").chosen
    'MIT'
    >>> judge("MIT AND LGPL-2.1-only").licence_class.value
    'weak-copyleft'
    >>> judge("LicenseRef-Ours").licence_class.value
    'unclear'
    """
    try:
        tree = _LICENSING.parse(expression)
    except ExpressionError:
        tree = None
    if tree is None:
        return Judged(expression, expression, LicenceClass.UNCLEAR)
    chosen, licence_class = _judged(tree)
    return Judged(expression, chosen if " OR " in expression else expression, licence_class)


def _judged(part: object) -> tuple[str, LicenceClass]:
    """Of a part of an expression: what is taken of it, and its class."""
    arguments = [_judged(each) for each in getattr(part, "args", ())]
    if isinstance(part, _LICENSING.OR):
        return min(arguments, key=lambda found: _RANK[found[1]])
    if isinstance(part, _LICENSING.AND):
        worst = max((found[1] for found in arguments), key=lambda found: _RANK[found])
        return " AND ".join(_in_brackets(found[0]) for found in arguments), worst
    text = str(part)
    # An exception only takes away from what its licence asks: without it we are on the safe side.
    return text, _class_of(text.partition(" WITH ")[0])


def _in_brackets(text: str) -> str:
    return f"({text})" if " AND " in text else text


def _class_of(name: str) -> LicenceClass:
    if name.casefold().startswith("licenseref-"):
        return LicenceClass.UNCLEAR
    category = _categories().get(name.casefold(), "")
    return _CLASS_OF_CATEGORY.get(category, LicenceClass.UNCLEAR)


@cache
def _categories() -> Mapping[str, str]:
    """The category of each licence, by each of its SPDX names in lower case."""
    index = files("license_expression") / "data" / "scancode-licensedb-index.json"
    found: dict[str, str] = {}
    for licence in json.loads(index.read_text()):
        names = [licence.get("spdx_license_key"), *licence.get("other_spdx_license_keys", [])]
        found |= {name.casefold(): licence["category"] for name in names if name}
    return found
