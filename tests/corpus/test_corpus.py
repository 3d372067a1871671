"""What is known is not built again, and a run is told as it was."""

import re
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from builds.domain.diagnosis import diagnose
from builds.domain.ladder import Step
from builds.domain.outcomes import Outcome, Turn
from builds.domain.remedies import CompilerFlags
from builds.domain.rules import RULES, Proposal, Rule
from builds.domain.ways import HOST
from indexes.domain.simple import ListedFile
from tests.corpus import climb
from tests.corpus.bench import minors_for
from tests.corpus.climb import Climber, Source
from tests.corpus.page import render
from tests.corpus.releases import Release, read
from tests.corpus.summary import summarise

ODD = "the machine says: odd"


class DryClimber(Climber):
    """Takes steps without building: a release's steps end as the test says."""

    def __init__(self, endings: dict[str, str]) -> None:
        self.toolchain = HOST
        self.platform = "manylinux_2_36_x86_64"
        self.endings = endings
        self.steps: list[tuple[str, Step]] = []

    def attempt(
        self, source: Source, minor: int, step: Step, log: Path
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        name = source.release.name
        self.steps.append((name, step))
        is_built = self.endings[name] == "" or bool(step.remedies)
        told = {
            **step.to_json(),
            "outcome": (Outcome.BUILT if is_built else Outcome.BUILD_FAILED).value,
            "stage": "build",
            "evidence": self.endings[name],
            "toolchain": self.toolchain,
            "has_pyx": False,
            "cpu_seconds": 1,
            "seconds": 2.0,
        }
        return told, {"filename": f"{name}.whl", "sha256": "1" * 64} if is_built else {}


def source(name: str) -> Source:
    uploaded_at = datetime(2020, 12, 1, tzinfo=UTC)
    file = ListedFile(f"{name}-1.0.tar.gz", "", sha256="5" * 64, uploaded_at=uploaded_at)
    return Source(Release(name, "1.0"), file)


def test_a_second_run_builds_nothing_and_a_new_rule_what_it_affects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    climber = DryClimber({"fine": "", "odd": ODD, "typo": "SyntaxError: invalid syntax"})
    names = sorted(climber.endings)

    def run(known: dict[str, Any]) -> dict[str, Any]:
        climber.steps.clear()
        return {n: climber.climb(source(n), 12, known.get(n, {}), tmp_path) for n in names}

    first = run({})
    assert {name: bool(known.get("wheel")) for name, known in first.items()} == {
        "fine": True,
        "odd": False,
        "typo": False,
    }
    assert run(first) == first
    assert climber.steps == []

    remedy = CompilerFlags("-fno-odd")
    rule = Rule(
        "odd", Turn.PROJECT, re.compile("says: odd"), "It is odd.", (Proposal((remedy,), 1),)
    )
    monkeypatch.setattr(climb, "diagnose", partial(diagnose, rules=(*RULES, rule)))
    third = run(first)

    assert [(name, step.remedies) for name, step in climber.steps] == [("odd", (remedy,))]
    assert third["odd"]["wheel"]["filename"] == "odd.whl"
    assert {**third, "odd": 0} == {**first, "odd": 0}


def test_another_toolchain_is_other_work(tmp_path: Path) -> None:
    climber = DryClimber({"fine": ""})
    first = climber.climb(source("fine"), 12, {}, tmp_path)
    climber.toolchain = "portable"

    second = climber.climb(source("fine"), 12, first, tmp_path)

    assert len(climber.steps) == 2
    assert first["key"] != second["key"]


def test_a_sample_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("".join(f"demo{n}==1.{n}\n" for n in range(50)))

    assert read(corpus, sample=5, seed=3) == read(corpus, sample=5, seed=3)
    assert read(corpus, sample=5, seed=3) != read(corpus, sample=5, seed=4)
    assert len(read(corpus, sample=99)) == 50


def test_interpreters_of_the_releases_time_come_early() -> None:
    assert minors_for([6, 9, 11, 12, 13], datetime(2021, 6, 1, tzinfo=UTC)) == [12, 9, 6, 11, 13]
    assert minors_for([8, 9], None) == [8, 9]


def test_a_run_is_summed_up_and_shown() -> None:
    attempt = {"rung": "declared", "remedies": [], "outcome": "built", "seconds": 4.0}
    failed = {**attempt, "outcome": "build-failed"}
    wheel: dict[str, Any] = {"filename": "a.whl", "sha256": "1"}
    built = {"attempts": [attempt], "wheel": wheel, "again": {"sha256": "2", "outcome": "built"}}
    lost = {"attempts": [failed], "diagnosis": "unknown", "evidence": "<script>"}
    told = {
        "a==1": {"targets": {"cp312": built}, "pip": {"wheel": "a.whl", "seconds": 8.0}},
        "b==1": {"targets": {"cp312": lost}, "pip": {"wheel": "", "seconds": 1.0}},
        "c==1": {"targets": {}, "pip": None, "missing": "upstream has no sdist of it"},
    }

    summary = summarise(told, peer="cp312")

    assert summary["releases"] == 2
    assert summary["with a wheel on cp312, share"] == 0.5
    assert summary["median of our time / pip wheel's"] == 0.5
    assert summary["of these hollow"] == 0
    wheel["extensions"] = ["_speed"]
    assert summarise(told, peer="cp312")["of these hollow"] == 1
    assert summarise(told, peer="cp312")["both build"] == 0
    assert summary["failures without a diagnosis"] == summary["with other bytes"] == 1
    assert "&lt;script&gt;" in render(told, summary)
