"""Parts of a project page: what one platform installs, what was there on a day."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from packaging.tags import mac_platforms

from indexes.domain.files import FileKind, parse_filename, platform_serves
from indexes.domain.simple import ListedFile, ProjectPage

_PLATFORM = re.compile(
    r"win32|win_(amd64|arm64)"
    r"|(linux|manylinux1|manylinux2010|manylinux2014|(many|musl)linux_\d{1,3}_\d{1,3})_[a-z0-9_]+"
    r"|macosx_(?P<major>\d{1,3})_(?P<minor>\d{1,3})_(?P<machine>arm64|x86_64)"
)
_LONGEST = 64


def is_platform(tag: str) -> bool:
    """Whether it is the platform part of a wheel's tags, as in `manylinux_2_28_x86_64`."""
    return len(tag) <= _LONGEST and _PLATFORM.fullmatch(tag) is not None


def for_platform(page: ProjectPage, platform: str) -> ProjectPage:
    """The page without wheels of other platforms; sdists stay, for what has no wheel."""
    mac = re.fullmatch(_PLATFORM, platform)
    accepted = frozenset[str]()
    if mac is not None and mac["machine"]:
        accepted = frozenset(mac_platforms((int(mac["major"]), int(mac["minor"])), mac["machine"]))

    def is_for_it(file: ListedFile) -> bool:
        parsed = parse_filename(file.filename, page.name)
        return parsed.kind is FileKind.SDIST or any(
            tag.platform in accepted or platform_serves(tag.platform, platform)
            for tag in parsed.tags
        )

    return replace(page, files=tuple(filter(is_for_it, page.files)))


def end_of(day: date) -> datetime:
    """The moment (UTC) at which the day is over."""
    return datetime.combine(day + timedelta(days=1), time.min, UTC)


def as_of(page: ProjectPage, day: date) -> ProjectPage:
    """The page with what was uploaded by the end of the day (UTC), yanked as it is today.

    A file whose time of upload upstream does not say is left out.
    """
    end = end_of(day)
    files = tuple(
        file for file in page.files if file.uploaded_at is not None and file.uploaded_at < end
    )
    parsed = (parse_filename(file.filename, page.name).version for file in files)
    versions = sorted({version for version in parsed if version is not None})
    return replace(page, files=files, versions=tuple(map(str, versions)))
