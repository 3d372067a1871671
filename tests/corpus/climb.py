"""One release brought up the ladder by the runner alone, as the farm would and without recipes."""

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import uv
from packaging.utils import canonicalize_name
from packaging.version import Version

from builds.builder import system_packages
from builds.conf import BuilderConfig
from builds.domain.diagnosis import diagnose
from builds.domain.keys import NO_CUTOFF, NO_RECIPE, TOOLCHAIN_NAMES, build_key
from builds.domain.ladder import RUNGS, Sources, Step, Tried, next_step, proof_against
from builds.domain.limits import Limits
from builds.domain.outcomes import FARM_FAULTS, Outcome
from builds.domain.siblings import LARGEST, choose_siblings
from builds.domain.targets import parse_target
from builds.domain.ways import HOST
from builds.executors.sandbox import SandboxExecutor, clean_slot
from builds.runner.attempt import Bench
from builds.runner.check import read_wheel
from builds.runner.download import FileCache, upstream_client
from builds.runner.events import Ended, Event, LogWritten, StageStarted
from builds.runner.interpreters import Interpreter, find_interpreters
from builds.runner.job import Distribution, Job
from builds.runner.run import run_job
from builds.runner.zig import find_zig, host_compiler
from indexes.domain.files import FileKind, parse_filename
from indexes.domain.names import NormalizedName
from indexes.domain.negotiation import ACCEPT
from indexes.domain.simple import ListedFile, parse_page
from tests.builds.runner.conftest import FIRST_UID, Control
from tests.corpus.releases import Release

FARM_RETRIES = 2
"""Times that a step is taken again after a fault of ours."""


@dataclass(frozen=True, slots=True)
class Source:
    """A release's sdist, as upstream lists it."""

    release: Release
    file: ListedFile
    wheels: tuple[ListedFile, ...] = ()
    """Of the project upstream, for comparison."""

    @property
    def project(self) -> NormalizedName:
        return NormalizedName(canonicalize_name(self.release.name))


class Climber:
    """A builder of its own; `toolchain` is the farm's choice, `platform` the targets' own."""

    def __init__(
        self,
        upstream: str,
        folder: Path,
        *,
        config: BuilderConfig,
        toolchain: str,
        platform: str,
    ) -> None:
        self.upstream = upstream
        self.client = upstream_client()
        self.cache = FileCache(folder / "cache", self.client)
        self.root = folder / "slots"
        self.root.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.uid = FIRST_UID + os.getpid() % 100_000 if os.geteuid() == 0 else None
        self.interpreters = find_interpreters(config.interpreters)
        self.system = system_packages(config)
        self.toolchain = toolchain
        self.compiler = host_compiler()
        self.zig = find_zig(config.zig, kept=folder / "zig")
        self.platform = platform
        self.control = Control()
        threading.Thread(target=self.control.serve_forever, daemon=True).start()

    def interpreter(self, minor: int) -> Interpreter | None:
        found = [i for i in self.interpreters if i.tag == f"cp3{minor}"]
        return found[-1] if found else None

    def source_of(self, release: Release) -> Source | None:
        """Find the release's sdist upstream."""
        project = NormalizedName(canonicalize_name(release.name))
        url = urljoin(self.upstream, f"{project}/")
        response = self.client.get(url, headers={"Accept": ACCEPT}).raise_for_status()
        page = parse_page(
            response.content,
            media_type=response.headers["Content-Type"].partition(";")[0],
            name=project,
            base_url=str(response.url),
        )
        wheels = tuple(
            file
            for file in page.files
            if file.filename.endswith(".whl") and file.sha256 and (file.size or 0) <= LARGEST
        )
        for file in page.files:
            parsed = parse_filename(file.filename, project)
            if parsed.kind is FileKind.SDIST and parsed.version == Version(release.version):
                return Source(release, file, wheels)
        return None

    def key(self, source: Source, minor: int) -> str:
        """What a target's result stands for; with another key it is built anew."""
        return build_key(
            project=source.project,
            version=source.release.version,
            sdist_sha256=source.file.sha256,
            target=self.target(minor),
            toolchain=TOOLCHAIN_NAMES[self.toolchain],
            recipe=NO_RECIPE,
            rung=RUNGS[0],
            cutoff=NO_CUTOFF,
        )

    def siblings(self, source: Source, minor: int) -> tuple[Distribution, ...]:
        by_name = {wheel.filename: wheel for wheel in source.wheels}
        target = parse_target(self.target(minor))
        chosen = choose_siblings(by_name, version=source.release.version, target=target)
        found = (by_name[filename] for filename in chosen)
        return tuple(Distribution(f.filename, f.url, f.sha256, f.size) for f in found)

    def target(self, minor: int) -> str:
        return f"cp3{minor}-{self.platform}"

    def climb(self, source: Source, minor: int, known: Mapping[str, Any], logs: Path) -> Any:
        """Go on from what is known until there is a wheel or nothing helps; returns what is known.

        `known` is what an earlier call returned: its failures are judged by today's rules.
        """
        key = self.key(source, minor)
        if known.get("key") != key:
            known = {"key": key, "attempts": []}
        if known.get("wheel"):
            return known
        attempts: list[dict[str, Any]] = list(known["attempts"])
        history = [_tried(attempt) for attempt in attempts]
        faults = 0
        has_pyx = any(attempt["has_pyx"] for attempt in attempts)
        while faults <= FARM_RETRIES:
            spent = sum(attempt["cpu_seconds"] for attempt in attempts)
            sources = Sources(minor, source.file.uploaded_at, has_pyx, spent)
            step = next_step(history, sources=sources, at=datetime.now(UTC))
            if step is None:
                break
            told, wheel = self.attempt(source, minor, step, logs / f"{len(attempts) + 1}.log")
            if told["outcome"] in FARM_FAULTS:
                faults += 1
            attempts.append(told)
            if wheel:
                return {"key": key, "attempts": attempts, "wheel": wheel, "outcome": Outcome.BUILT}
            history.append(_tried(told))
            has_pyx = has_pyx or told["has_pyx"]
        sources = Sources(minor, source.file.uploaded_at, has_pyx)
        proof = proof_against(history, sources=sources)
        last = proof or history[-1]
        return {
            "key": key,
            "attempts": attempts,
            "outcome": Outcome.NOT_SUPPORTED if proof else last.outcome,
            "diagnosis": last.diagnosis.code,
            "evidence": last.diagnosis.evidence,
        }

    def retake(
        self, source: Source, minor: int, won: Mapping[str, Any], log: Path
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Take the step of an attempt once more."""
        return self.attempt(source, minor, Step.from_json(won), log)

    def attempt(
        self, source: Source, minor: int, step: Step, log: Path
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Take one step; returns what is remembered of it, and the wheel where there is one."""
        executor = SandboxExecutor(self.root, 0, self.uid)
        bench = Bench(
            name="corpus",
            folder=executor.folder / "job",
            cache=self.cache,
            client=self.client,
            uv=Path(uv.find_uv_bin()),
            interpreters=self.interpreters,
            system=self.system,
            compiler=self.compiler,
            zig=self.zig,
        )
        file = source.file
        job = Job(
            build="1",
            attempt="1",
            lease="corpus",
            project=source.project,
            version=source.release.version,
            target=self.target(minor),
            sdist=Distribution(file.filename, file.url, file.sha256, file.size),
            way=step.way_with(self.toolchain),
            upstream=self.upstream,
            control_url=self.control.url,
            upload_url=f"{self.control.url}/wheel",
            siblings=self.siblings(source, minor),
            limits=Limits(),
        )
        events: list[Event] = []
        began = time.monotonic()
        run_job(job, executor=executor, emit=events.append, bench=bench, is_live=lambda: True)
        seconds = time.monotonic() - began
        wheel = self.uploaded(folder=log.parent)
        clean_slot(root=self.root, slot=0, uid=self.uid)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("".join(event.text for event in events if isinstance(event, LogWritten)))
        stages = [event.stage for event in events if isinstance(event, StageStarted)]
        (end,) = [event for event in events if isinstance(event, Ended)]
        told = {
            **step.to_json(),
            "outcome": end.outcome,
            "stage": stages[-1] if stages else "",
            "evidence": end.evidence,
            "cpu_seconds": end.report.get("usage", {}).get("cpu_seconds", 0),
            "toolchain": end.report.get("toolchain", {}).get("name", HOST),
            "has_pyx": bool(end.report.get("sdist", {}).get("has_pyx")),
            "seconds": round(seconds, 2),
        }
        return told, {**end.report["wheel"], **wheel} if end.outcome == Outcome.BUILT else {}

    def uploaded(self, *, folder: Path) -> dict[str, Any]:
        """Take what a builder has handed over; returns what is in it, where it has."""
        uploads, self.control.uploads = self.control.uploads, []
        folder.mkdir(parents=True, exist_ok=True)
        for path, _, content in uploads:
            wheel = folder / Path(path).name
            wheel.write_bytes(content)
            return {"extensions": extensions_of(wheel)}
        return {}


def extensions_of(wheel: Path) -> list[str]:
    """Names of the extension modules in a wheel."""
    return sorted(read_wheel(wheel).extensions)


def _tried(told: Mapping[str, Any]) -> Tried:
    outcome = Outcome(told["outcome"])
    found = diagnose(told["evidence"], stage=told["stage"], outcome=outcome)
    return Tried(Step.from_json(told), outcome, found, told["toolchain"])
