"""`make bench-corpus`: releases brought up the ladder, against `pip wheel` on the same machine.

Takes `name==version` lines, or a table whose first two columns are name and version. Each release
is built by the runner and the ladder alone, from the deployment's upstream, without recipes. What
is known already stands in `var/corpus.json` and is not built again.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import uv
from packaging.utils import canonicalize_name
from packaging.version import Version

from builds.domain.diagnosis import diagnose
from builds.domain.ladder import Sources, Step, Tried, next_step
from builds.domain.limits import Limits
from builds.domain.outcomes import Outcome
from builds.domain.ways import HOST
from builds.executors.sandbox import SandboxExecutor, clean_slot
from builds.runner.attempt import Bench
from builds.runner.download import FileCache, upstream_client
from builds.runner.events import Ended, Event, LogWritten, StageStarted
from builds.runner.interpreters import find_interpreters
from builds.runner.job import Distribution, Job
from builds.runner.run import run_job
from indexes.domain.files import FileKind, parse_filename
from indexes.domain.names import NormalizedName
from indexes.domain.negotiation import ACCEPT
from indexes.domain.simple import ListedFile, parse_page
from tests.builds.runner.conftest import FIRST_UID, Control

RESULTS = Path("var") / "corpus.json"
PLATFORM = "manylinux_2_36_x86_64"


def releases_in(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text().splitlines():
        if match := re.match(r"([\w.-]+)(?:==|\t)(\d[\w.!+-]*)", line):
            yield match[1], match[2]


class Corpus:
    """What it takes to build a release, until it is built or nothing helps."""

    def __init__(self, upstream: str, folder: Path, patterns: list[str]) -> None:
        self.upstream = upstream
        self.client = upstream_client()
        self.cache = FileCache(folder / "cache", self.client)
        self.root = folder / "slots"
        self.root.mkdir(mode=0o755, exist_ok=True)
        self.uid = FIRST_UID + os.getpid() % 100_000 if os.geteuid() == 0 else None
        self.interpreters = find_interpreters(patterns)
        self.control = Control()
        threading.Thread(target=self.control.serve_forever, daemon=True).start()

    def sdist_of(self, name: str, version: str) -> ListedFile | None:
        project = NormalizedName(canonicalize_name(name))
        url = urljoin(self.upstream, f"{project}/")
        response = self.client.get(url, headers={"Accept": ACCEPT}).raise_for_status()
        page = parse_page(
            response.content,
            media_type=response.headers["Content-Type"].partition(";")[0],
            name=project,
            base_url=str(response.url),
        )
        for file in page.files:
            parsed = parse_filename(file.filename, project)
            if parsed.kind is FileKind.SDIST and parsed.version == Version(version):
                return file
        return None

    def climb(self, name: str, version: str, minor: int, file: ListedFile) -> dict[str, Any]:
        began = time.monotonic()
        history: list[Tried] = []
        told: list[dict[str, Any]] = []
        has_pyx = False
        while True:
            sources = Sources(minor, file.uploaded_at, has_pyx)
            step = next_step(history, sources=sources, at=datetime.now(UTC))
            if step is None:
                return {"wheel": "", "attempts": told, "seconds": time.monotonic() - began}
            end, stage = self.attempt(name, version, minor, file, step)
            outcome = Outcome(end.outcome)
            found = diagnose(end.evidence, stage=stage, outcome=outcome)
            told.append({**step.to_json(), "outcome": outcome.value, "stage": stage})
            if outcome is Outcome.BUILT:
                wheel = end.report["wheel"]["filename"]
                return {"wheel": wheel, "attempts": told, "seconds": time.monotonic() - began}
            told[-1] |= {"evidence": end.evidence, "diagnosis": found.code}
            has_pyx = has_pyx or end.report.get("sdist", {}).get("has_pyx", False)
            if found.code == outcome.value:
                return {"wheel": "", "attempts": told, "seconds": time.monotonic() - began}
            history.append(Tried(step, outcome, found))

    def attempt(
        self, name: str, version: str, minor: int, file: ListedFile, step: Step
    ) -> tuple[Ended, str]:
        executor = SandboxExecutor(self.root, 0, self.uid)
        bench = Bench(
            name="corpus",
            folder=executor.folder / "job",
            cache=self.cache,
            client=self.client,
            uv=Path(uv.find_uv_bin()),
            interpreters=self.interpreters,
        )
        job = Job(
            build="1",
            attempt="1",
            lease="corpus",
            project=canonicalize_name(name),
            version=version,
            target=f"cp3{minor}-{PLATFORM}",
            way=step.way_with(HOST),
            sdist=Distribution(file.filename, file.url, file.sha256, file.size),
            upstream=self.upstream,
            control_url=self.control.url,
            upload_url=f"{self.control.url}/wheel",
            limits=Limits(),
        )
        events: list[Event] = []
        run_job(job, executor=executor, emit=events.append, bench=bench, is_live=lambda: True)
        self.control.uploads.clear()
        clean_slot(root=self.root, slot=0, uid=self.uid)
        log = "".join(event.text for event in events if isinstance(event, LogWritten))
        stages = [event.stage for event in events if isinstance(event, StageStarted)]
        kept = Path("var") / "corpus" / f"{name}-{version}-cp3{minor}-{step.rung}.log"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(log)
        (end,) = [event for event in events if isinstance(event, Ended)]
        return end, stages[-1]


def pip_wheel(python: Path, upstream: str, name: str, version: str) -> dict[str, Any]:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [python, "-m", "pip", "--isolated", "wheel", "--quiet", "--no-deps", "--no-cache-dir"]
            + ["--no-binary", name, "--index-url", upstream, "--wheel-dir", folder]
            + [f"{name}=={version}"],
            check=False,
            capture_output=True,
        )
        wheels = [path.name for path in Path(folder).glob("*.whl")]
    seconds = time.monotonic() - began
    return {"wheel": "".join(wheels), "exit": done.returncode, "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path, help="lines of name==version, or a table")
    parser.add_argument("--upstream", required=True, help="a simple index")
    parser.add_argument("--sample", type=int, help="so many of them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minors", default="12", help="CPython 3.x each, first to last: 12,11")
    parser.add_argument("--without-pip", action="store_true", help="do not run pip wheel")
    options = parser.parse_args()
    releases = list(releases_in(options.corpus))
    if options.sample:
        releases = random.Random(options.seed).sample(releases, options.sample)  # noqa: S311
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.parent.mkdir(exist_ok=True)
    patterns = os.environ.get("AFFINEUR_INTERPRETERS", "").split()
    with tempfile.TemporaryDirectory(prefix="affineur-corpus-") as folder:
        Path(folder).chmod(0o755)
        corpus = Corpus(options.upstream, Path(folder), patterns)
        for name, version in releases:
            known = results.setdefault(f"{name}=={version}", {})
            for minor in map(int, options.minors.split(",")):
                if f"cp3{minor}" not in known:
                    file = corpus.sdist_of(name, version)
                    known[f"cp3{minor}"] = (
                        corpus.climb(name, version, minor, file) if file else {"wheel": ""}
                    )
                ours = known[f"cp3{minor}"]
                if ours["wheel"]:
                    break
            python = [i.path for i in corpus.interpreters if i.tag == "cp312"]
            if not options.without_pip and python and "pip" not in known:
                known["pip"] = pip_wheel(python[0], options.upstream, name, version)
            RESULTS.write_text(json.dumps(results, indent=2) + "\n")
            tell(name, version, known)


def tell(name: str, version: str, known: dict[str, Any]) -> None:
    for target, end in known.items():
        steps = [
            f"{step['rung']}:{step.get('diagnosis', 'built')}" for step in end.get("attempts", [])
        ]
        sys.stdout.write(
            f"{name}=={version}  {target:6} {end['wheel'] or '-':60.60} "
            f"{end.get('seconds', 0):6.1f} s  {' > '.join(steps)}\n"
        )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
