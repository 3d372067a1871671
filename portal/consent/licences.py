"""What the newest release says of itself: its licence, and whom to write to."""

from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import getaddresses
from enum import StrEnum

from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from packaging.metadata import RawMetadata, parse_email
from packaging.version import Version

from indexes.domain.files import FileKind
from indexes.domain.licences import licence_stated
from indexes.errors import IndexesError
from indexes.models import Project, UpstreamFile
from indexes.upstream import get_upstream
from portal.consent.licence_texts import licence_of_text
from portal.ownership.sdists import MEBIBYTE, SdistTexts, UnreadableSdist, read_sdist

MAX_FILE = 32 * MEBIBYTE


class Confidence(StrEnum):
    """How far to believe what was seen."""

    STATED = "stated"
    LIKELY = "likely"
    GUESSED = "guessed"
    NONE = "none"

    @property
    def label(self) -> str:
        return {
            Confidence.STATED: "stated as an SPDX expression (PEP 639)",
            Confidence.LIKELY: "likely: an older field says so",
            Confidence.GUESSED: "a guess: a licence file reads like it",
            Confidence.NONE: "nothing was found",
        }[self]


@dataclass(frozen=True, slots=True)
class LicenceSeen:
    """What the newest sdist says. `place` names the field or file, and the sdist."""

    expression: str = ""
    place: str = ""
    confidence: Confidence = Confidence.NONE


@dataclass(frozen=True, slots=True)
class Released:
    """What we keep of the newest sdist's own words."""

    licence: LicenceSeen = LicenceSeen()
    addresses: tuple[str, ...] = ()
    """Of its maintainers, then of its authors."""


def licence_seen(project: Project) -> LicenceSeen:
    """A suggestion for who has to state it; nothing when it is unclear."""
    return released(project).licence


def addresses_of(project: Project) -> tuple[str, ...]:
    """The e-mail addresses in the newest release's metadata."""
    return released(project).addresses


def released(project: Project) -> Released:
    """What the newest sdist says, read as data and fetched from upstream once for each file."""
    sdist = _newest_sdist(project)
    if sdist is None:
        return Released()
    key = f"released:{sdist.sha256}"
    found: Released | None = cache.get(key)
    if found is None:
        try:
            data = get_upstream().fetch_file(sdist.url, max_bytes=MAX_FILE, sha256=sdist.sha256)
            texts = read_sdist(sdist.filename, data)
        except (IndexesError, UnreadableSdist):
            # It is a suggestion: who knows the licence writes it, suggested or not.
            return Released()
        raw, _ = parse_email(texts.pkg_info)
        found = Released(_seen(raw, texts, sdist.filename), tuple(_addresses(raw)))
        cache.set(key, found)
    return found


def _newest_sdist(project: Project) -> UpstreamFile | None:
    sdists = project.upstream_files.filter(kind=FileKind.SDIST.value, is_yanked=False)
    known = [sdist for sdist in sdists.exclude(version="") if sdist.sha256]
    return max(
        known,
        key=lambda sdist: (not Version(sdist.version).is_prerelease, Version(sdist.version)),
        default=None,
    )


def _seen(raw: RawMetadata, texts: SdistTexts, filename: str) -> LicenceSeen:
    """The expression of core metadata, or what a licence file looks like."""
    expression, place = licence_stated(raw)
    if expression:
        is_stated = place == "License-Expression"
        confidence = Confidence.STATED if is_stated else Confidence.LIKELY
        return LicenceSeen(expression, f"{place} of {filename}", confidence)
    guesses = {
        name: licence_of_text(text.decode(errors="replace")) for name, text in texts.licences
    }
    alike = set(guesses.values())
    if len(alike) == 1 and (guess := alike.pop()):
        return LicenceSeen(guess, f"{', '.join(guesses)} of {filename}", Confidence.GUESSED)
    return LicenceSeen()


def _addresses(raw: RawMetadata) -> Iterator[str]:
    fields = [raw.get("maintainer_email", ""), raw.get("author_email", "")]
    for _, address in dict.fromkeys(getaddresses([field for field in fields if field])):
        try:
            validate_email(address)
        except ValidationError:
            continue
        yield address
