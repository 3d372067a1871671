"""Keeping the sources of what we publish, where the licence asks for that.

Under a copyleft licence a wheel is listed only when its source distribution is kept here and
offered beside it. They are fetched when builds are queued; what could not be fetched then is
fetched later, and its wheels wait, withdrawn, until it was.
"""

import hashlib
import logging
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

from celery import current_app
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from kombu.exceptions import OperationalError

from builds.domain.states import BuildState
from builds.models import Build
from indexes.domain.status import Decision
from indexes.errors import IndexesError
from indexes.models import File
from indexes.services.standing import decide
from indexes.storage import get_storage
from indexes.upstream import get_upstream
from portal.consent.licensing import LicenceClass
from portal.consent.models import Consent, KeptSource
from portal.ledger.services import record

WAITS_FOR_SOURCE = "Listed as soon as its source distribution is kept here, as its licence asks"
"""The reason of every such decision: it ends when the source is kept."""
MAX_SDIST = 1024 * 1024 * 1024
ROUND = 20
_OVER_WITHOUT_WHEEL = [
    state.value for state in (BuildState.FAILED, BuildState.CANCELLED, BuildState.COVERED)
]
_COPYLEFT = [each.value for each in LicenceClass if each.is_copyleft]

logger = logging.getLogger(__name__)


def keep_sources(*, at: datetime) -> int:
    """Keep what builds under copyleft are made from and is not kept yet; says how many.

    Takes as long as upstream does. What upstream does not give waits for the next time.
    """
    sdists = {build.sdist_sha256: build for build in _without_source().order_by("queued_at", "pk")}
    return sum(_keep(build, at=at) for build in list(sdists.values())[:ROUND])


def keep_soon() -> None:
    """Have it done by a worker; what the broker does not take waits for the schedule."""
    try:
        current_app.send_task("portal.keep_sources", queue="control", ignore_result=True)
    except OperationalError as error:
        logger.warning("sources are kept at the next round: %s", error)


def has_copyleft(builds: list[Build]) -> bool:
    """Whether one of these builds rests on a consent that makes us keep sources."""
    return _under_copyleft(builds).exists()


def hold_without_source(file: File, *, at: datetime) -> None:
    """Withdraw a wheel that was just published when its source has to be kept and is not."""
    waits = _without_source().filter(pk=file.build_id)
    if waits.exists():
        decide(
            files=File.objects.filter(pk=file.pk),
            decision=Decision.WITHDRAWN,
            reason=WAITS_FOR_SOURCE,
            at=at,
        )


def open_source(source: KeptSource) -> BinaryIO:
    """The bytes, for a download; the caller closes. Raises `BytesMissing`."""
    return get_storage().open(_key(source.sha256, source.filename))


def _keep(build: Build, *, at: datetime) -> bool:
    try:
        data = get_upstream().fetch_file(
            build.sdist_url, max_bytes=MAX_SDIST, sha256=build.sdist_sha256
        )
    except IndexesError as error:
        logger.warning("the source of %s %s is not kept: %s", build.project, build.version, error)
        return False
    with NamedTemporaryFile(prefix="affineur-source-") as spool:
        spool.write(data)
        spool.flush()
        get_storage().put(
            _key(build.sdist_sha256, build.sdist_filename),
            Path(spool.name),
            sha256=hashlib.sha256(data).hexdigest(),
        )
    with transaction.atomic():
        _, is_new = KeptSource.objects.get_or_create(
            project=build.project,
            sha256=build.sdist_sha256,
            defaults={
                "version": build.version,
                "filename": build.sdist_filename,
                "size": len(data),
                "kept_at": at,
            },
        )
        if is_new:
            record(
                actor="portal",
                verb="source-kept",
                project=build.project.name,
                facts={"filename": build.sdist_filename, "sha256": build.sdist_sha256},
                at=at,
            )
        _list_again(build, at=at)
    return is_new


def _list_again(build: Build, *, at: datetime) -> None:
    of_source = Build.objects.filter(project=build.project, sdist_sha256=build.sdist_sha256)
    waiting = File.objects.filter(
        build_id__in=of_source.values("pk"),
        decision=Decision.WITHDRAWN.value,
        decision_reason=WAITS_FOR_SOURCE,
    )
    if waiting.exists():
        decide(files=waiting, decision=None, reason="", at=at)


def _without_source() -> QuerySet[Build]:
    kept = KeptSource.objects.filter(project=OuterRef("project"), sha256=OuterRef("sdist_sha256"))
    builds = Build.objects.exclude(state__in=_OVER_WITHOUT_WHEEL)
    return _of_copyleft(builds).filter(~Exists(kept)).select_related("project")


def _under_copyleft(builds: list[Build]) -> QuerySet[Build]:
    return _of_copyleft(Build.objects.filter(pk__in=[build.pk for build in builds]))


def _of_copyleft(builds: QuerySet[Build]) -> QuerySet[Build]:
    """Those of projects whose consents, over or not, say that the licence is one of copyleft."""
    consents = Consent.objects.filter(project=OuterRef("project"), licence_class__in=_COPYLEFT)
    return builds.filter(Exists(consents))


def _key(sha256: str, filename: str) -> str:
    return f"sources/{sha256}/{filename}"
