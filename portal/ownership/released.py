"""What released files say of themselves, read as data: nothing of them is run."""

import tomllib
from typing import Any

from packaging.metadata import RawMetadata, parse_email
from packaging.utils import canonicalize_name

from indexes.domain.files import FileKind
from indexes.models import Project, UpstreamFile
from indexes.upstream import Upstream
from portal.ownership.sdists import MEBIBYTE, SdistTexts, read_sdist

MAX_SDIST = 64 * MEBIBYTE
MAX_METADATA = 4 * MEBIBYTE


def texts_of(file: UpstreamFile, upstream: Upstream) -> SdistTexts:
    """Its core metadata, and its pyproject.toml where it is an sdist.

    Of a wheel only what upstream has beside it (PEP 658). Raises `UnreadableSdist`,
    `UpstreamInvalid`, `UpstreamUnreachable`.
    """
    if file.kind == FileKind.SDIST:
        data = upstream.fetch_file(file.url, max_bytes=MAX_SDIST, sha256=file.sha256)
        return read_sdist(file.filename, data)
    if not file.metadata_sha256:
        return SdistTexts()
    metadata = upstream.fetch_file(
        file.url + ".metadata", max_bytes=MAX_METADATA, sha256=file.metadata_sha256
    )
    return SdistTexts(pkg_info=metadata)


def metadata_of(project: Project, pkg_info: bytes) -> RawMetadata | None:
    """The core metadata, unless it is another project's."""
    raw, _ = parse_email(pkg_info)
    return raw if canonicalize_name(raw.get("name", "")) == project.name else None


def affineur_table(pyproject: bytes) -> dict[str, Any] | None:
    """`[tool.affineur]`; None where there is none."""
    try:
        table = tomllib.loads(pyproject.decode()).get("tool", {})["affineur"]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError, LookupError, TypeError):
        return None
    return table if isinstance(table, dict) else None


def newest(project: Project, *kinds: FileKind) -> UpstreamFile | None:
    """The file of one of these kinds that was uploaded last, and is not yanked."""
    files = project.upstream_files.filter(kind__in=[kind.value for kind in kinds], is_yanked=False)
    return files.order_by("-uploaded_at", "-pk").first()
