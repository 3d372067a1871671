"""What the newest release says of its licence: a suggestion for who has to state it."""

from django.core.cache import cache
from packaging.metadata import parse_email
from packaging.version import Version

from indexes.domain.files import FileKind
from indexes.domain.licences import licence_stated
from indexes.errors import IndexesError
from indexes.models import Project, UpstreamFile
from indexes.upstream import get_upstream
from portal.ownership.sdists import MEBIBYTE, UnreadableSdist, read_sdist

MAX_FILE = 32 * MEBIBYTE


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
        expression, place = licence_stated(raw)
        found = (expression, f"{place} of {sdist.filename}" if place else "")
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
