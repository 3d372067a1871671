"""Publishing: a wheel becomes a file of ours, and is listed."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from packaging.utils import BuildTag

from indexes import signals
from indexes.domain.files import FileKind, parse_filename
from indexes.domain.licences import licence_of_metadata
from indexes.domain.names import NormalizedName, parse_version
from indexes.errors import IndexesError
from indexes.models import File, Project, UpstreamFile
from indexes.services.pages import render_pages
from indexes.services.standing import update_standings
from indexes.storage import file_key, get_storage


class FilenameTaken(IndexesError):
    """A name is used once, for ever; ours, upstream's or a file of another build has it."""

    code = "filename-taken"

    def __init__(self, project: str, filename: str) -> None:
        self.project = project
        self.filename = filename
        super().__init__(
            f"{project} has a file {filename} already: publish with the next build number."
        )


class NotPublishable(IndexesError):
    """The filename is not one of a wheel of that release with that build tag."""

    code = "not-publishable"

    def __init__(self, project: str, version: str, filename: str) -> None:
        self.project = project
        self.version = version
        self.filename = filename
        super().__init__(
            f"{filename} is no wheel of {project} {version} with a build tag of ours: "
            "give it its tag before it is published."
        )


def next_build_number(*, project: Project, version: str, wheel_name_without_build_tag: str) -> int:
    """The number of the build tag that the next wheel of that release and those tags gets.

    It is above every one used, by us or upstream, for a wheel that has one of these tags, so
    that installers prefer it and no name is used twice.
    """
    name = NormalizedName(project.name)
    tags = parse_filename(wheel_name_without_build_tag, name).tags
    released = str(parse_version(version))
    ours = File.objects.filter(project=project, version=released)
    theirs = UpstreamFile.objects.filter(project=project, version=released)
    used = [
        _number(parsed.build_tag)
        for filenames in (ours.values_list("filename"), theirs.values_list("filename"))
        for (filename,) in filenames
        for parsed in [parse_filename(filename, name)]
        if parsed.tags & tags
    ]
    return max(used, default=0) + 1


def _number(build_tag: BuildTag) -> int:
    return build_tag[0] if build_tag else 0


def publish_file(
    *,
    project: Project,
    version: str,
    filename: str,
    build_tag: str,
    wheel: Path,
    sha256: str,
    size: int,
    source_sha256: str,
    requires_python: str,
    metadata: bytes,
    provenance: dict[str, Any],
    build_id: UUID,
    at: datetime,
) -> File:
    """Keep the wheel's bytes, then list it, in that order: what a row names is always there.

    `source_sha256` is of the sdist, without which upstream the wheel is not listed. A build that
    published before is given its file again, whatever else is said. Raises `FilenameTaken`,
    `NotPublishable`, and `BytesDiffer` when the wheel is not what `sha256` says.
    """
    published = File.objects.filter(build_id=build_id).first()
    if published is not None:
        return published
    released = str(parse_version(version))
    parsed = parse_filename(filename, NormalizedName(project.name))
    is_ours = parsed.kind is FileKind.WHEEL and str(parsed.version) == released
    if not is_ours or "".join(map(str, parsed.build_tag)) != build_tag or not build_tag:
        raise NotPublishable(project.name, version, filename)
    get_storage().put(file_key(sha256), wheel, sha256=sha256)
    return _list(
        File(
            project=project,
            version=released,
            filename=filename,
            build_tag=build_tag,
            sha256=sha256,
            size=size,
            source_sha256=source_sha256,
            requires_python=requires_python,
            metadata_sha256=hashlib.sha256(metadata).hexdigest(),
            metadata=metadata,
            provenance=provenance,
            licence=licence_of_metadata(metadata),
            build_id=build_id,
            published_at=at,
        ),
        at,
    )


@transaction.atomic
def _list(file: File, at: datetime) -> File:
    project = Project.objects.select_for_update().get(pk=file.project_id)
    # Asked again under the lock: the same build may have been published while we stored it.
    published = File.objects.filter(build_id=file.build_id).first()
    if published is not None:
        return published
    if UpstreamFile.objects.filter(project=project, filename=file.filename).exists():
        raise FilenameTaken(project.name, file.filename)
    try:
        with transaction.atomic():
            file.save(force_insert=True)
    except IntegrityError as error:
        raise FilenameTaken(project.name, file.filename) from error
    signals.file_published.send(File, file=file)
    update_standings(project=project)
    file.refresh_from_db(fields=["standing", "standing_reason"])
    render_pages(project=project, at=at)
    return file


@transaction.atomic
def tell_reproducible(*, file: File, is_reproducible: bool, by: str, at: datetime) -> None:
    """Keep whether it came out the same when it was built again; the last word counts."""
    File.objects.filter(pk=file.pk).update(is_reproducible=is_reproducible)
    file.is_reproducible = is_reproducible
    signals.file_compared.send(File, file=file, is_reproducible=is_reproducible, by=by, at=at)
