"""Licences of upstream's releases, read from the metadata that it serves beside its wheels."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from urllib.parse import urldefrag

from django.db.models import Exists, OuterRef

from indexes.domain.files import parse_filename
from indexes.domain.licences import licence_of_metadata
from indexes.domain.names import VERSION_LENGTH, NormalizedName
from indexes.models import CuratedIndex, Project, ReleaseLicence, UpstreamFile
from indexes.services.proxy import kept_page
from indexes.upstream import UpstreamInvalid, UpstreamUnreachable, get_upstream

ROUND = 200
"""Files whose metadata is fetched in one round."""
MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Stating:
    """A file of a release whose licence is not known."""

    project: str
    version: str
    filename: str
    url: str
    metadata_sha256: str


def learn_licences(*, at: datetime, limit: int = ROUND) -> int:
    """Read the licence of releases that an index with a rule on licences has; says of how many.

    Newest uploads first, one file of a release; the next call goes on. A release that upstream
    serves no metadata of stays unknown. Of what we do not follow, those projects are read whose
    page somebody asked for.
    """
    names: set[str] = set()
    for index in CuratedIndex.objects.exclude(licences=[]):
        names.update(index.projects)
    read = 0
    for stating in islice(_unknown(names), limit):
        try:
            expression = _read(stating)
        except UpstreamUnreachable:
            # It would not answer for the others either.
            break
        _, is_new = ReleaseLicence.objects.get_or_create(
            project=stating.project,
            version=stating.version,
            defaults={"expression": expression, "stated_in": stating.filename, "read_at": at},
        )
        read += is_new
    return read


def _read(stating: _Stating) -> str:
    """The SPDX expression; empty where metadata is unclear, or is not what its hash says."""
    url = f"{urldefrag(stating.url).url}.metadata"
    try:
        metadata = get_upstream().fetch_file(
            url, max_bytes=MOST_BYTES, sha256=stating.metadata_sha256
        )
    except UpstreamInvalid:
        return ""
    return licence_of_metadata(metadata)


def _unknown(names: Iterable[str]) -> Iterator[_Stating]:
    """One file of each release, followed projects before others."""
    wanted = sorted(names)
    followed = set(
        Project.objects.enrolled().filter(name__in=wanted).values_list("name", flat=True)
    )
    others = (name for name in wanted if name not in followed)
    seen: set[tuple[str, str]] = set()
    for stating in chain(_of_followed(followed), chain.from_iterable(map(_of_other, others))):
        release = (stating.project, stating.version)
        if release not in seen:
            seen.add(release)
            yield stating


def _of_followed(names: Iterable[str]) -> Iterator[_Stating]:
    known = ReleaseLicence.objects.filter(
        project=OuterRef("project__name"), version=OuterRef("version")
    )
    files = (
        UpstreamFile.objects.filter(~Exists(known), project__name__in=names)
        .exclude(metadata_sha256="")
        .exclude(version="")
        .order_by("-uploaded_at", "pk")
    )
    rows = files.values_list("project__name", "version", "filename", "url", "metadata_sha256")
    yield from (_Stating(*row) for row in rows.iterator(chunk_size=500))


def _of_other(name: str) -> Iterator[_Stating]:
    page = kept_page(name=NormalizedName(name))
    if page is None:
        return
    known = set(ReleaseLicence.objects.filter(project=name).values_list("version", flat=True))
    for file in reversed(page.files):
        version = str(parse_filename(file.filename, page.name).version or "")
        is_readable = file.metadata_sha256 and 0 < len(version) <= VERSION_LENGTH
        if is_readable and version not in known:
            yield _Stating(name, version, file.filename, file.url, file.metadata_sha256)
