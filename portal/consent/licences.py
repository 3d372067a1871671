"""What the newest release says of its licence: a suggestion for who has to state it."""

from collections.abc import Sequence

from django.core.cache import cache
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.metadata import RawMetadata, parse_email
from packaging.version import Version

from indexes.domain.files import FileKind
from indexes.errors import IndexesError
from indexes.models import Project, UpstreamFile
from indexes.upstream import get_upstream
from portal.ownership.sdists import MEBIBYTE, UnreadableSdist, read_sdist

MAX_FILE = 32 * MEBIBYTE

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


def licence_seen(project: Project) -> tuple[str, str]:
    """(SPDX expression, where it stands) of the newest release's sdist; empty when unclear.

    Reads the archive as data, fetched from upstream once for each file.
    """
    sdist = _newest_sdist(project)
    if sdist is None:
        return "", ""
    key = f"licence-seen:{sdist.sha256}"
    found: tuple[str, str] | None = cache.get(key)
    if found is None:
        try:
            data = get_upstream().fetch_file(sdist.url, max_bytes=MAX_FILE, sha256=sdist.sha256)
            raw, _ = parse_email(read_sdist(sdist.filename, data).pkg_info)
        except (IndexesError, UnreadableSdist):
            # It is a suggestion: who knows the licence writes it, suggested or not.
            return "", ""
        expression, place = _stated(raw)
        found = (expression, f"{place} of {sdist.filename}" if place else "")
        cache.set(key, found)
    return found


def canonical_licence(expression: str) -> str | None:
    """The SPDX expression as it is written, or None when it is none."""
    try:
        return str(canonicalize_license_expression(expression))
    except InvalidLicenseExpression:
        return None


def _newest_sdist(project: Project) -> UpstreamFile | None:
    sdists = project.upstream_files.filter(kind=FileKind.SDIST.value, is_yanked=False)
    known = [sdist for sdist in sdists.exclude(version="") if sdist.sha256]
    return max(
        known,
        key=lambda sdist: (not Version(sdist.version).is_prerelease, Version(sdist.version)),
        default=None,
    )


def _stated(raw: RawMetadata) -> tuple[str, str]:
    """The expression, and the field of the core metadata it stands in."""
    for place, stated in (
        ("License-Expression", raw.get("license_expression", "")),
        ("License", raw.get("license", "")),
        ("Classifier", _of_classifiers(raw.get("classifiers", []))),
    ):
        if stated and (expression := canonical_licence(stated)):
            return expression, place
    return "", ""


def _of_classifiers(classifiers: Sequence[str]) -> str:
    licences = [name for name in classifiers if name.startswith("License :: ")]
    if len(licences) != 1:
        return ""
    return _CLASSIFIERS.get(licences[0].removeprefix(_PREFIX), "")
