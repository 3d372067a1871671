"""The way of one job: fetch, inspect, resolve, build, repair, check, smoke, upload.

Whatever happens, it ends with exactly one `Ended`. Its `report` holds, as far as the job came:
"builder", "target", "limits", "log_sha256"; "interpreter" (tag, version, soabi, libc, path; for
another machine also "emulator" and "built_by", the path of the one that ran the build);
"source_date_epoch"; "sdist" (what it says of itself); "way" (what of the job changed the build);
"toolchain" (name and version of what compiles); "resolved" and "runtime" (name, version,
filename, sha256, url each); "system" (distribution, files found, packages unpacked); "grafted"
(libraries that repair added: name, soname, package, version, licences each); "tried_on" (the
interpreter that imported the wheel: version, path); "modules"; "wheel" (filename, sha256, size,
uploaded_as).
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from packaging.version import InvalidVersion, Version

from builds.domain.outcomes import Outcome
from builds.domain.targets import UnknownTarget, parse_target
from builds.executors.base import Executor, ExecutorError
from builds.runner.attempt import Attempt, Bench, Journal, utc_now
from builds.runner.check import check_wheel, read_wheel
from builds.runner.cibuildwheel import Images
from builds.runner.crossing import choose_crossing, lacking
from builds.runner.events import Emit, Ended, Stage
from builds.runner.fetch import fetch
from builds.runner.inspect import SdistFacts, has_pyx, read_sdist, unpack
from builds.runner.interpreters import choose
from builds.runner.job import Job
from builds.runner.problems import JobProblem, LeaseGoneError
from builds.runner.proxy import IndexProxy
from builds.runner.upload import upload
from builds.runner.whole import extension_sources
from builds.runner.workshop import Index, SandboxWorkshop, Workshop
from indexes.domain.names import parse_project_name

WATCH_SECONDS = 0.2
"""Between looks at the lease and at the log, while a command runs."""

logger = logging.getLogger(__name__)


def run_job(
    job: Job,
    *,
    executor: Executor,
    emit: Emit,
    bench: Bench,
    is_live: Callable[[], bool],
    images: Images | None = None,
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Run the job and tell how it went. `is_live` turns false once the lease is gone.

    `images` are for targets that are built in containers instead of by `executor`.
    """
    journal = Journal(emit, limit=job.limits.log)
    report = {"builder": bench.name, "limits": asdict(job.limits), "target": job.target}
    try:
        attempt = Attempt(
            job,
            target=parse_target(job.target),
            executor=executor,
            bench=bench,
            journal=journal,
            is_live=is_live,
            now=now,
        )
        report = attempt.report
        with _watched(attempt):
            _run(attempt, images)
        problem = attempt.problem(Outcome.BUILT)
    except LeaseGoneError:
        problem = _problem(job, Outcome.CANCELLED, "the lease is gone")
    except JobProblem as error:
        problem = error
    except UnknownTarget as error:
        problem = _problem(job, Outcome.NO_INTERPRETER, str(error))
    except ExecutorError as error:
        logger.exception("the sandbox failed during attempt %s", job.attempt)
        problem = _problem(job, Outcome.BUILDER_FAULT, str(error))
    except Exception as error:
        logger.exception("attempt %s failed by a fault of ours", job.attempt)
        problem = _problem(job, Outcome.BUILDER_FAULT, f"{type(error).__name__}: {error}")
    journal.close()
    emit(
        Ended(
            outcome=problem.outcome.value,
            message=problem.message,
            evidence=problem.evidence[:1000].replace("\0", "\ufffd"),
            at=now().isoformat(),
            report={**report, "log_sha256": journal.sha256},
        )
    )


def _problem(job: Job, outcome: Outcome, evidence: str) -> JobProblem:
    sentence = outcome.sentence(project=job.project, version=job.version, target=job.target)
    return JobProblem(outcome, sentence, evidence)


def _run(attempt: Attempt, images: Images | None) -> None:
    attempt.enter(Stage.FETCH)
    workshop = _workshop(attempt, images)
    attempt.report["interpreter"] = workshop.facts()
    archive = fetch(attempt)

    attempt.enter(Stage.INSPECT)
    work = attempt.folder("build")
    sdist = _inspect(attempt, archive, work)
    sources = extension_sources(work / "src")

    bench, job = attempt.bench, attempt.job
    cutoff = datetime.fromisoformat(job.way.cutoff) if job.way.cutoff else None

    @contextmanager
    def index(name: str, cutoff: datetime | None) -> Iterator[Index]:
        proxy = IndexProxy(
            job.upstream,
            cache=bench.cache,
            client=bench.client,
            cutoff=cutoff,
            is_live=attempt.is_live,
        )
        with proxy.serve(attempt.folder(name)) as socket:
            yield Index(proxy, socket)

    attempt.enter(Stage.RESOLVE)
    with index("index", cutoff) as served:
        wheel = workshop.make(attempt, sdist, work=work, sources=sources, index=served)

    attempt.enter(Stage.CHECK)
    facts = read_wheel(wheel, bench.wheel_limits)
    check_wheel(
        facts,
        project=parse_project_name(job.project),
        version=Version(job.version),
        target=attempt.target,
    )
    attempt.journal.say(
        f"{len(facts.members)} files, {len(facts.elf)} of machine code; "
        f"modules: {', '.join(facts.modules) or 'none'}"
    )

    attempt.enter(Stage.SMOKE)
    # A user installs today, whatever the build was made as of.
    with index("smoke-index", None) as served:
        workshop.smoke(attempt, wheel, facts, epoch=sdist.source_date_epoch, index=served)

    attempt.enter(Stage.UPLOAD)
    upload(attempt, wheel)


def _workshop(attempt: Attempt, images: Images | None) -> Workshop:
    in_container = images.workshop(attempt.target) if images else None
    if in_container is not None:
        return in_container
    bench, target = attempt.bench, attempt.target
    interpreter = choose(bench.interpreters, target)
    if interpreter is not None:
        return SandboxWorkshop(interpreter)
    crossing = choose_crossing(bench, target)
    if crossing is not None:
        return SandboxWorkshop(crossing.foreign, crossing)
    held = ", ".join(f"{held.tag} ({held.machine})" for held in bench.interpreters) or "none"
    lacks = "".join(f"; it has no {part}" for part in lacking(bench, target))
    raise attempt.problem(Outcome.NO_INTERPRETER, f"interpreters here: {held}{lacks}")


def _inspect(attempt: Attempt, archive: Path, work: Path) -> SdistFacts:
    job, limits = attempt.job, attempt.bench.sdist_limits
    sources = work / "src"
    for name in ("src", "out", "wheels"):
        (work / name).mkdir()
    try:
        Version(job.version)
    except InvalidVersion as error:
        raise attempt.problem(Outcome.SDIST_MALFORMED, str(error)) from error
    top, epoch = unpack(archive, sources, filename=job.sdist.filename, limits=limits)
    sdist = read_sdist(
        sources,
        top=top,
        epoch=epoch,
        project=job.project,
        version=job.version,
        limits=limits,
    )
    attempt.report["source_date_epoch"] = epoch
    attempt.report["sdist"] = {
        "backend": sdist.backend,
        "requires": list(sdist.requires),
        "metadata": dict(sdist.metadata),
        "has_pyx": has_pyx(sources),
    }
    attempt.report["way"] = job.way.to_json()
    requires = ", ".join(sdist.requires) or "nothing"
    attempt.journal.say(f"unpacked {top}; backend {sdist.backend}; requires {requires}")
    return sdist


@contextmanager
def _watched(attempt: Attempt) -> Iterator[None]:
    """Meanwhile, a thread sends the log as it comes and kills what runs without a lease."""
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(WATCH_SECONDS):
            attempt.journal.tick()
            if not attempt.is_live():
                attempt.stop()

    thread = threading.Thread(target=watch, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
