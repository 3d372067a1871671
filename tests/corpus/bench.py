"""`make bench-corpus CORPUS=file`: releases brought up the ladder, against plain `pip wheel`.

Takes `name==version` lines, or a table that begins with name, version and stratum. Each release
is built by the runner and the ladder alone, from the deployment's upstream and without recipes:
for CPython 3.12 first, then for others until one gives a wheel. What was tried stands in the
results and is not tried again, unless a rule, a remedy or the toolchain says something new of it.
`--again` builds every wheel a second time, on another path, with another umask, locale, time zone
and hash seed, and says whose bytes differ.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from builds.conf import builder_config
from builds.domain.ladder import INTERPRETER_RELEASED
from builds.domain.ways import HOST, TOOLCHAINS
from tests.corpus.climb import Climber, Source, extensions_of
from tests.corpus.page import render
from tests.corpus.releases import Release, read
from tests.corpus.summary import summarise

FOLDER = Path("var") / "corpus"
PLATFORM = "manylinux_2_36_x86_64"
PEER = 12
"""Of the CPython 3 that `pip wheel` is run on, and that is tried first."""


class Results:
    """What is known, by release; written after each thing that is learnt."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "results.json"
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.releases: dict[str, dict[str, Any]] = (
            json.loads(self.path.read_text()) if self.path.exists() else {}
        )

    def of(self, release: Release) -> dict[str, Any]:
        return self.releases.setdefault(
            str(release), {"stratum": release.stratum, "targets": {}, "pip": None}
        )

    def write(self) -> None:
        draft = self.path.with_suffix(".draft")
        draft.write_text(json.dumps(self.releases, indent=1) + "\n")
        draft.rename(self.path)


def minors_for(held: Iterable[int], uploaded_at: datetime | None) -> list[int]:
    """Return CPython 3.x in the order to try: the peer's, the release's own time, then the rest.

    >>> minors_for([8, 9, 12, 13], datetime.fromisoformat("2020-12-24T00:00Z"))
    [12, 9, 8, 13]
    """
    held = sorted(set(held), reverse=True)
    then = [
        minor
        for minor in held
        if uploaded_at and (born := INTERPRETER_RELEASED.get(minor)) and born <= uploaded_at
    ]
    return list(dict.fromkeys([*(m for m in held if m == PEER), *then, *reversed(held)]))


def bring_up(climber: Climber, source: Source, known: dict[str, Any], results: Results) -> None:
    """Try one interpreter after the other until one gives a wheel."""
    held = (int(i.tag[3:]) for i in climber.interpreters if i.tag[3:].isdecimal())
    for minor in minors_for(held, source.file.uploaded_at):
        tag = f"cp3{minor}"
        logs = results.folder / "logs" / str(source.release) / tag
        known["targets"][tag] = climber.climb(source, minor, known["targets"].get(tag, {}), logs)
        results.write()
        if known["targets"][tag].get("wheel"):
            return


@contextmanager
def elsewhere() -> Iterator[None]:
    """Another umask, locale, time zone and hash seed around a builder than it began with."""
    kept = dict(os.environ)
    os.environ |= {"LC_ALL": "tr_TR.UTF-8", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "4242"}
    umask = os.umask(0o077)
    time.tzset()
    try:
        yield
    finally:
        os.umask(umask)
        for name in os.environ.keys() - kept.keys():
            del os.environ[name]
        os.environ |= kept
        time.tzset()


def build_again(climber: Climber, source: Source, known: dict[str, Any], logs: Path) -> None:
    """Take the step that won once more, elsewhere, and remember which bytes it gave."""
    for tag, target in known["targets"].items():
        if "wheel" in target and "again" not in target:
            won = target["attempts"][-1]
            with elsewhere():
                told, wheel = climber.retake(source, int(tag[3:]), won, logs / f"{tag}-again.log")
            target["again"] = {"sha256": wheel.get("sha256", ""), "outcome": told["outcome"]}


def pip_wheel(python: Path, upstream: str, release: Release) -> dict[str, Any]:
    """Build with `pip wheel` as a person would, its cache left aside."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [python, "-m", "pip", "--isolated", "wheel", "--quiet", "--no-deps", "--no-cache-dir"]
            + ["--no-binary", release.name, "--index-url", upstream, "--wheel-dir", folder]
            + [str(release)],
            check=False,
            capture_output=True,
            timeout=3600,
        )
        seconds = time.monotonic() - began
        wheels = list(Path(folder).glob("*.whl"))
        return {
            "wheel": "".join(wheel.name for wheel in wheels),
            "exit": done.returncode,
            "seconds": round(seconds, 2),
            "extensions": [name for wheel in wheels for name in extensions_of(wheel)],
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("corpus", type=Path, help="lines of name==version, or a table")
    parser.add_argument("--upstream", required=True, help="a simple index")
    parser.add_argument("--sample", type=int, help="so many of them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder of what is known")
    parser.add_argument("--toolchain", choices=sorted(TOOLCHAINS), default=HOST)
    parser.add_argument("--without-pip", action="store_true", help="do not run pip wheel")
    parser.add_argument("--again", action="store_true", help="build every wheel a second time")
    options = parser.parse_args()
    results = Results(options.results)
    releases = read(options.corpus, sample=options.sample, seed=options.seed)
    with tempfile.TemporaryDirectory(prefix="affineur-corpus-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        climber, another = (
            Climber(
                options.upstream,
                place,
                config=replace(builder_config(), root=results.folder),
                toolchain=options.toolchain,
                platform=PLATFORM,
            )
            for place in (folder, folder / "a much longer path" / "of another builder")
        )
        peer = climber.interpreter(PEER)
        for release in releases:
            known = results.of(release)
            source = climber.source_of(release)
            if source is None:
                known["missing"] = "upstream has no sdist of it"
                continue
            bring_up(climber, source, known, results)
            if options.again:
                build_again(another, source, known, results.folder / "logs" / str(release))
            if peer and not known["pip"] and not options.without_pip:
                known["pip"] = pip_wheel(peer.path, options.upstream, release)
            results.write()
            sys.stdout.write(line_of(release, known) + "\n")
            sys.stdout.flush()
    told = {str(release): results.of(release) for release in releases}
    summary = summarise(told, peer=f"cp3{PEER}")
    (options.results / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    (options.results / "index.html").write_text(render(told, summary))
    sys.stdout.write(json.dumps(summary, indent=1) + "\n")


def line_of(release: Release, known: dict[str, Any]) -> str:
    ends = [
        f"{tag} {target['wheel']['filename'] if target.get('wheel') else target['diagnosis']}"
        for tag, target in known["targets"].items()
    ]
    return f"{release}: " + "; ".join(ends)


if __name__ == "__main__":
    main()
