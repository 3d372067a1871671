"""A farm in the middle of its work, for pages to show: rows as the services would leave them."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from builds.domain.keys import NO_CUTOFF, NO_RECIPE, TOOLCHAIN_NAMES, build_key
from builds.domain.ladder import RUNGS
from builds.domain.states import AttemptState, BuildState
from builds.domain.ways import HOST
from builds.models import Attempt, Build, LogChunk, Permit
from indexes.models import File, Project, UpstreamFile
from portal.accounts.models import User
from portal.consent.models import Consent
from portal.ownership.models import Proof
from portal.requests.models import Request
from portal.requests.services import make_request
from tests.portal.people import consent, publish

TARGETS = [f"cp3{minor}-manylinux_2_36_x86_64" for minor in (13, 12, 11, 10, 9)]
STAGES = ["fetch", "inspect", "resolve", "build", "repair", "check", "smoke", "upload"]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def make_project(name: str, *, at: datetime, **fields: Any) -> Project:
    return Project.objects.create(name=name, display_name=name, verified_at=at, **fields)


def upload(project: Project, filename: str, version: str, at: datetime, **fields: Any) -> None:
    """A file upstream; a wheel when its name says so, a source distribution otherwise."""
    UpstreamFile.objects.create(
        project=project,
        filename=filename,
        version=version,
        kind="wheel" if filename.endswith(".whl") else "sdist",
        url=f"https://files.example/{filename}",
        sha256=digest(filename),
        size=48_213,
        uploaded_at=at,
        **fields,
    )


def releases(project: Project, versions: list[str], at: datetime) -> None:
    """A source distribution of each, the first one newest."""
    for age, version in enumerate(versions):
        upload(
            project,
            f"{project.name}-{version}.tar.gz",
            version,
            at - timedelta(days=20 * (age + 1)),
        )


def make_build(
    project: Project, version: str, target: str, *, at: datetime, state: BuildState, **fields: Any
) -> Build:
    permit, _ = Permit.objects.get_or_create(
        project=project,
        revoked_at=None,
        defaults={"origin": "scene", "channels": ["build", "publish"], "issued_at": at},
    )
    filename = f"{project.name}-{version}.tar.gz"
    return Build.objects.create(
        project=project,
        version=version,
        target=target,
        key=build_key(
            project=project.name,
            version=version,
            sdist_sha256=digest(filename),
            target=target,
            toolchain=TOOLCHAIN_NAMES[HOST],
            recipe=NO_RECIPE,
            rung=RUNGS[0],
            cutoff=NO_CUTOFF,
        ),
        permit=permit,
        state=state,
        sdist_filename=filename,
        sdist_url=f"https://files.example/{filename}",
        sdist_sha256=digest(filename),
        sdist_size=48_213,
        sdist_uploaded_at=at - timedelta(days=900),
        queued_at=at,
        **fields,
    )


def make_attempt(
    build: Build, *, at: datetime, state: AttemptState, stages: list[str], **fields: Any
) -> Attempt:
    """An attempt that went through `stages`, eight seconds each; the last is under way if it is."""
    moments = [at + timedelta(seconds=8 * place) for place in range(len(stages) + 1)]
    is_running = state in {AttemptState.LEASED, AttemptState.RUNNING}
    entered = [
        {"stage": stage, "started_at": begin.isoformat(), "ended_at": end.isoformat()}
        for stage, begin, end in zip(stages, moments, moments[1:], strict=False)
    ]
    entered[-1:] = [{**last, "ended_at": None} if is_running else last for last in entered[-1:]]
    return Attempt.objects.create(
        build=build,
        number=build.attempts.count() + 1,
        rung="declared",
        state=state,
        lease_hash=digest(str(uuid4())),
        builder="builder-1",
        heartbeat_at=at,
        stage=stages[-1] if stages else "",
        stages=entered,
        created_at=at,
        started_at=at,
        ended_at=None if is_running else moments[-1],
        **fields,
    )


def write_log(attempt: Attempt, *pieces: tuple[str, str]) -> None:
    """(stage, text) in order."""
    first = attempt.log_chunks.count()
    LogChunk.objects.bulk_create(
        LogChunk(attempt=attempt, sequence=first + place, stage=stage, text=text)
        for place, (stage, text) in enumerate(pieces)
    )


REPORT = {
    "interpreter": {"tag": "cp312", "version": "3.12.7"},
    "resolved": [
        {"name": "setuptools", "version": "75.6.0", "sha256": digest("setuptools")},
        {"name": "wheel", "version": "0.45.1", "sha256": digest("wheel")},
    ],
    "grafted": [
        {
            "name": "demo.libs/libz-1f2e3d4c.so.1.2.13",
            "soname": "libz.so.1",
            "package": "zlib1g",
            "version": "1:1.2.13.dfsg-1",
            "licences": ["Zlib"],
        }
    ],
    "log_sha256": digest("log"),
    "source_date_epoch": 1_700_000_000,
}


@dataclass(frozen=True, slots=True)
class Farm:
    """What the scene holds, by what a page would show."""

    owner: User
    project: Project
    plain: Project
    proof: Proof
    pending: Proof
    consent: Consent
    published: Build
    failed: Build
    running: Build
    queued: Build
    cancelled: Build
    file: File
    asked: Request
    petition: Request


def busy_farm(*, owner: User, stranger: User, at: datetime) -> Farm:
    """Two projects: one of 30 releases with consent and builds in every state, one without."""
    project = make_project("python-levenshtein", at=at)
    versions = [f"0.{minor}.{patch}" for minor in range(27, 17, -1) for patch in (2, 1, 0)]
    releases(project, versions, at)
    for minor in (313, 312, 311):
        wheel = f"cp{minor}-cp{minor}-manylinux_2_17_x86_64.manylinux2014_x86_64"
        upload(project, f"python_levenshtein-0.27.2-{wheel}.whl", "0.27.2", at)
    project.upstream_files.filter(version="0.26.0").update(
        is_yanked=True, yanked_reason="Broken metadata; use 0.26.1."
    )
    project.upstream_files.filter(version="0.25.0").update(requires_python=">=3.11")
    proof = Proof.objects.create(
        user=owner,
        project=project,
        method="staff-review",
        state="proven",
        evidence={
            "reviews": [
                {"administrator": name, "reason": "Seen on its own page.", "evidence": "/about"}
                for name in ("root", "second")
            ]
        },
        created_at=at,
        proven_at=at,
    )
    given = consent(owner, project, at=at)
    permit = Permit.objects.filter(project=project, revoked_at=None).get()

    published = make_build(project, "0.27.1", TARGETS[1], at=at, state=BuildState.PUBLISHED)
    done = make_attempt(
        published,
        at=at,
        state=AttemptState.SUCCEEDED,
        stages=STAGES,
        report=REPORT,
        outcome="built",
    )
    write_log(
        done,
        ("fetch", "python-levenshtein-0.27.1.tar.gz: 47.1 KiB, SHA-256 as upstream says\n"),
        ("build", "running bdist_wheel\nbuilding 'Levenshtein._levenshtein' extension\n"),
        ("smoke", "import Levenshtein: ok\n"),
    )
    file = publish(published, at=at)

    failed = make_build(
        project,
        "0.27.0",
        TARGETS[1],
        at=at,
        state=BuildState.FAILED,
        outcome="import-failed",
        cause="removed-c-api: smoke/import-failed: undefined symbol: PyUnicode_AS_UNICODE",
        message="python-levenshtein 0.27.0 compiles for CPython 3.12, but Levenshtein cannot be"
        " imported there: it uses PyUnicode_AS_UNICODE, which 3.12 removed.",
        ended_at=at,
    )
    fallen = make_attempt(
        failed,
        at=at,
        state=AttemptState.FAILED,
        stages=STAGES[:7],
        outcome="import-failed",
        evidence="ImportError: _levenshtein.so: undefined symbol: PyUnicode_AS_UNICODE",
        report=REPORT,
    )
    write_log(
        fallen,
        ("build", "gcc -O2 -fPIC -c _levenshtein.c\n" * 30),
        ("smoke", "\x1b[31mImportError\x1b[0m: undefined symbol: PyUnicode_AS_UNICODE\n"),
    )

    running = make_build(project, "0.26.2", TARGETS[0], at=at, state=BuildState.RUNNING)
    begun = at - timedelta(seconds=40)
    busy = make_attempt(running, at=begun, state=AttemptState.RUNNING, stages=STAGES[:4])
    write_log(busy, ("fetch", "fetched\n"), ("build", "running bdist_wheel\n"))
    queued = make_build(project, "0.26.1", TARGETS[0], at=at, state=BuildState.QUEUED)
    cancelled = make_build(
        project,
        "0.25.2",
        TARGETS[0],
        at=at,
        state=BuildState.CANCELLED,
        outcome="permit-gone",
        message="The consent for python-levenshtein was taken back.",
        ended_at=at,
    )
    Build.objects.filter(project=project).update(permit=permit)
    asked = make_request(
        user=owner,
        project_name=project.name,
        specifiers=">=0.26.1",
        targets=TARGETS,
        reason="Our image has no compiler.",
        at=at,
    )

    plain = make_project("docopt", at=at)
    releases(plain, ["0.6.2", "0.6.1"], at)
    pending = Proof.objects.create(
        user=owner,
        project=plain,
        method="release-challenge",
        challenge=f"affineur-challenge-{digest('nonce')[:40]}",
        refusal="It is your turn: release docopt with the code in it within 14 days.",
        created_at=at,
        expires_at=at + timedelta(days=14),
    )
    petition = make_request(
        user=stranger,
        project_name="docopt",
        specifiers="==0.6.2",
        targets=TARGETS[:2],
        reason="Every image builds it from source.",
        at=at,
    )
    return Farm(
        owner=owner,
        project=project,
        plain=plain,
        proof=proof,
        pending=pending,
        consent=given,
        published=published,
        failed=failed,
        running=running,
        queued=queued,
        cancelled=cancelled,
        file=file,
        asked=asked,
        petition=petition,
    )
