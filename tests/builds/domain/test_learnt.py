import time
from typing import Any

import pytest

from builds.domain.diagnosis import diagnose
from builds.domain.learnt import RuleInvalid, compile_pattern, learnt_rule
from builds.domain.outcomes import Outcome, Turn
from builds.domain.remedies import AddBuildRequirement, NotSupportedBySources, SystemPackage
from builds.domain.rules import RULES

FACTS: dict[str, Any] = {
    "code": "frobnicator-missing",
    "pattern": "frobnicator '{name}' is not installed",
    "stage": "build",
    "turn": "farm",
    "explanation": "The build runs {name}, which is not on the builder.",
    "remedy": "system",
    "argument": "{name}",
}
LINE = "RuntimeError: frobnicator  \u2018frob-2.h\u2019 is not installed, giving up"


def learnt(**changes: str):
    return learnt_rule(**FACTS | changes)


def judged(log: str, rule, stage: str = "build"):
    return diagnose(log, stage=stage, outcome=Outcome.BUILD_FAILED, rules=(*RULES, rule))


def test_a_learnt_rule_names_what_nothing_explained() -> None:
    # Only one of those that are looked at last knows it: an exception.
    assert diagnose(LINE, stage="build", outcome=Outcome.BUILD_FAILED).fingerprint

    found = judged(LINE, learnt())

    assert (found.code, found.turn) == ("frobnicator-missing", Turn.FARM)
    assert found.explanation == "The build runs frob-2.h, which is not on the builder."
    assert found.proposals[0].remedies == (SystemPackage("frob-2.h"),)


def test_the_built_in_rules_come_first() -> None:
    line = "a.c:1:10: fatal error: foo.h: No such file or directory"
    rule = learnt(pattern="fatal error: {name}: No such file")
    assert judged(line, rule).code == "missing-header"


def test_a_rule_for_the_trial_of_a_wheel_says_nothing_of_its_making() -> None:
    rule = learnt(stage="smoke")
    assert judged(LINE, rule).code != rule.code
    assert judged(LINE, rule, stage="smoke").code == rule.code


@pytest.mark.parametrize(
    ("pattern", "line", "matches"),
    [
        ("needs {any} at least", "it needs foo and bar at least", True),
        ("needs a.b (really)", "it needs a.b (really)", True),
        ("needs a.b (really)", "it needs axb (really)", False),
        ("no `thing' here", "no 'thing` here", True),
        ("one {any} two {any} three", "one x two y three", True),
        ("one {any} two {any} three", "one x three y two", False),
    ],
)
def test_a_pattern_is_text_with_wildcards(pattern: str, line: str, matches) -> None:
    assert (compile_pattern(pattern).search(line) is not None) is matches


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        ("a {any} a {any} a {any} ab ab ab ab", "a " * 250),
        ("a{any}a{any}{name}aaaaaaaaab", "a" * 500),
        ("x    {any}    y    {any}    zzzz zzzz", "x" + " " * 499),
    ],
)
def test_no_line_takes_a_pattern_long(pattern: str, line: str) -> None:
    begun = time.perf_counter()
    assert compile_pattern(pattern).search(line) is None
    assert time.perf_counter() - begun < 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"code": "Not A Code"}, "code"),
        ({"code": "missing-header"}, "code"),
        ({"code": "compile-error"}, "code"),
        ({"pattern": "{name}"}, "pattern"),
        ({"pattern": "short"}, "pattern"),
        ({"pattern": "{any} and then a text"}, "pattern"),
        ({"pattern": "{name} and {name} in a text"}, "pattern"),
        ({"pattern": "a {any} b {any} c {any} d {any} eeeee"}, "pattern"),
        ({"pattern": "x" * 301}, "pattern"),
        ({"stage": "upload"}, "stage"),
        ({"turn": "moon"}, "turn"),
        ({"explanation": " "}, "explanation"),
        ({"remedy": "prayer"}, "remedy"),
        ({"argument": "../etc"}, "argument"),
        ({"remedy": "requirement", "argument": "{name}"}, "argument"),
        ({"remedy": "requirement", "argument": "a @ https://evil.example/a"}, "argument"),
        ({"remedy": "cap", "argument": ""}, "argument"),
        ({"remedy": "flags", "argument": "-O1 rm"}, "argument"),
        ({"argument": "x" * 201}, "argument"),
    ],
)
def test_what_is_no_rule_says_which_part_is_wrong(changes: dict[str, str], field: str) -> None:
    with pytest.raises(RuleInvalid) as caught:
        learnt(**changes)
    assert caught.value.field == field


def test_each_remedy_is_one_that_the_ladder_knows() -> None:
    assert learnt(remedy="requirement", argument="six").proposals[0].remedies == (
        AddBuildRequirement("six"),
    )
    assert learnt(remedy="not-supported", argument="").proposals[0].remedies == (
        NotSupportedBySources(),
    )
    assert learnt(remedy="", argument="").proposals == ()
