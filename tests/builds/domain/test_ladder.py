"""Which way is tried next: it ends, it never repeats itself, and it learns."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builds.domain.diagnosis import diagnose
from builds.domain.ladder import (
    AS_OF,
    DECLARED,
    FIRST,
    INTERPRETER_RELEASED,
    MOST_ATTEMPTS,
    MOST_CPU_SECONDS,
    REMEDIED,
    RUNGS,
    Sources,
    Step,
    Tried,
    Won,
    next_step,
    proof_against,
)
from builds.domain.outcomes import FARM_FAULTS, Outcome
from builds.domain.remedies import (
    AddBuildRequirement,
    CapBuildRequirement,
    CompilerFlags,
    HostToolchain,
    RegenerateCython,
    ShimModule,
    SystemPackage,
)
from builds.domain.ways import HOST, PORTABLE

AT = datetime(2026, 6, 1, tzinfo=UTC)
UPLOADED = datetime(2020, 11, 14, 3, tzinfo=UTC)
OLD = Sources(minor=12, uploaded_at=UPLOADED)
LINES = (
    "ModuleNotFoundError: No module named 'imp'",
    "ModuleNotFoundError: No module named 'numpy'",
    "ModuleNotFoundError: No module named 'pkg_resources'",
    "ModuleNotFoundError: No module named 'nobody_knows_it'",
    "error in demo setup command: use_2to3 is invalid.",
    "InvalidVersion: Invalid version: 'x'",
    "Cython.Compiler.Errors.CompileError: x.pyx",
    "x.c:1:1: fatal error: longintrepr.h: No such file or directory",
    "x.c:1:1: fatal error: foo.h: No such file or directory",
    "x.c:1:1: error: implicit declaration of function 'f'",
    "ImportError: undefined symbol: PyUnicode_AS_UNICODE",
    "\u00d7 No solution found when resolving dependencies:",
    "gcc: fatal error: Killed signal terminated program cc1",
    "ValueError: who knows",
    "",
)


def tried(
    line: str,
    step: Step = FIRST,
    outcome: Outcome = Outcome.BUILD_FAILED,
    stage: str = "build",
    toolchain: str = HOST,
) -> Tried:
    return Tried(step, outcome, diagnose(line, stage=stage, outcome=outcome), toolchain)


def test_it_begins_with_what_is_declared() -> None:
    assert next_step([], sources=OLD, at=AT) == FIRST
    assert RUNGS[0] == DECLARED == FIRST.rung


def test_what_nobody_knows_is_tried_as_of_its_day_and_no_more() -> None:
    history = [tried("ValueError: who knows")]

    step = next_step(history, sources=Sources(minor=9, uploaded_at=UPLOADED), at=AT)

    assert step == Step(UPLOADED + timedelta(days=1))
    assert step.rung == AS_OF
    again = [*history, tried("ValueError: who knows", step)]
    assert next_step(again, sources=Sources(minor=9, uploaded_at=UPLOADED), at=AT) is None


def test_no_day_is_before_the_interpreters_own() -> None:
    assert OLD.as_of(AT) == INTERPRETER_RELEASED[12]


@pytest.mark.parametrize(
    "sources",
    [
        Sources(minor=12),
        Sources(minor=12, uploaded_at=AT - timedelta(hours=1)),
        Sources(minor=20, uploaded_at=UPLOADED),
    ],
)
def test_without_a_day_of_its_own_there_is_no_such_rung(sources: Sources) -> None:
    assert next_step([tried("ValueError: who knows")], sources=sources, at=AT) is None


@pytest.mark.parametrize(
    ("line", "sources", "remedies"),
    [
        (LINES[0], OLD, (ShimModule("imp"),)),
        (LINES[1], OLD, (AddBuildRequirement("numpy<2"),)),
        (LINES[1], Sources(minor=13), (AddBuildRequirement("numpy"),)),
        (
            LINES[2],
            OLD,
            (AddBuildRequirement("setuptools<81"), CapBuildRequirement("setuptools<81")),
        ),
        (LINES[4], Sources(minor=11), (CapBuildRequirement("setuptools<58"),)),
        (LINES[7], Sources(minor=12, has_pyx=True), (RegenerateCython("cython<3"),)),
        (LINES[7], Sources(minor=13, has_pyx=True), (RegenerateCython("cython>=3.0.11,<3.1"),)),
        (LINES[12], OLD, (CompilerFlags("-O1"),)),
    ],
)
def test_a_diagnosis_leads_to_its_remedy(line, sources, remedies) -> None:
    step = next_step([tried(line)], sources=sources, at=AT)

    assert step == Step(None, remedies)
    assert step.rung == REMEDIED


@pytest.mark.parametrize(
    ("line", "sources", "outcome", "stage"),
    [
        (LINES[3], OLD, Outcome.BUILD_FAILED, "build"),
        (LINES[4], OLD, Outcome.REQUIREMENTS_UNRESOLVABLE, "resolve"),
        (LINES[7], OLD, Outcome.BUILD_FAILED, "build"),
        (LINES[10], OLD, Outcome.IMPORT_FAILED, "smoke"),
        (LINES[0], OLD, Outcome.IMPORT_FAILED, "smoke"),
        ("ValueError", OLD, Outcome.IMPORT_FAILED, "smoke"),
        ("", OLD, Outcome.SDIST_MALFORMED, "inspect"),
        ("", OLD, Outcome.WALL_TIME, "build"),
    ],
)
def test_where_nothing_helps_nothing_is_tried(line, sources, outcome, stage) -> None:
    history = [tried(line, outcome=outcome, stage=stage)]

    assert next_step(history, sources=sources, at=AT) is None


def test_remedies_add_up() -> None:
    shimmed = Step(None, (ShimModule("imp"),))

    step = next_step([tried(LINES[0]), tried(LINES[2], shimmed)], sources=OLD, at=AT)

    assert step is not None
    assert step.way_with(HOST).shims == ("imp",)
    assert step.way_with(HOST).constraints == step.way_with(HOST).requirements == ("setuptools<81",)


def test_one_cython_writes_the_sources() -> None:
    first = Step(None, (RegenerateCython("cython<3"),))
    sources = Sources(minor=12, has_pyx=True)

    step = next_step([tried(LINES[7]), tried(LINES[7], first)], sources=sources, at=AT)

    assert step is not None
    assert step.way_with(HOST).cython == "cython>=3.0.11,<3.1"


def test_where_a_remedy_leads_nowhere_the_next_is_tried() -> None:
    as_of = Step(OLD.as_of(AT))
    history = [tried(LINES[5]), tried("ValueError: who knows", as_of)]

    assert next_step(history, sources=OLD, at=AT) == Step(
        None, (CapBuildRequirement("setuptools<72"),)
    )


def test_what_won_elsewhere_is_tried_first_and_then_what_is_declared() -> None:
    winner = Won(Step(INTERPRETER_RELEASED[13], (ShimModule("imp"),)), minor=13)

    step = next_step([], sources=OLD, at=AT, won=[winner])

    assert step == Step(INTERPRETER_RELEASED[12], (ShimModule("imp"),))
    assert next_step([tried("", step)], sources=OLD, at=AT, won=[winner]) == FIRST


def test_what_cannot_help_here_is_not_inherited() -> None:
    capped = Won(Step(None, (CapBuildRequirement("setuptools<58"),)), minor=11)

    assert next_step([], sources=OLD, at=AT, won=[capped]) == FIRST


@pytest.mark.parametrize("line", LINES)
def test_a_step_travels_as_json(line) -> None:
    step = next_step([tried(line)], sources=OLD, at=AT) or FIRST

    assert Step.from_json(step.to_json()) == step
    assert Step.from_json({}) == FIRST


lines = st.sampled_from(LINES)
outcomes = st.sampled_from(sorted(Outcome))
kinds = st.builds(
    Sources,
    minor=st.integers(6, 16),
    uploaded_at=st.none() | st.just(UPLOADED) | st.just(AT),
    has_pyx=st.booleans(),
)


@settings(max_examples=300)
@given(data=st.data(), sources=kinds)
def test_every_climb_ends_and_repeats_nothing(data, sources) -> None:
    history: list[Tried] = []
    ways = []
    for _ in range(MOST_ATTEMPTS + 1):
        step = next_step(history, sources=sources, at=AT)
        if step is None:
            break
        ways.append(step.identity)
        outcome = data.draw(outcomes.filter(lambda outcome: outcome not in FARM_FAULTS))
        stage = data.draw(st.sampled_from(["resolve", "build", "smoke", "fetch"]))
        history.append(tried(data.draw(lines), step, outcome, stage))

    assert len(ways) == len(set(ways)) <= MOST_ATTEMPTS


@given(
    sources=kinds,
    said=st.lists(st.tuples(lines, outcomes.filter(lambda o: o not in FARM_FAULTS)), max_size=3),
    faults=st.lists(st.tuples(lines, st.sampled_from(sorted(FARM_FAULTS))), min_size=1),
)
def test_a_fault_of_the_farm_never_climbs(sources, said, faults) -> None:
    history = [tried(line, outcome=outcome) for line, outcome in said]
    ours = [tried(line, outcome=outcome) for line, outcome in faults]

    assert next_step([*history, *ours], sources=sources, at=AT) == next_step(
        history, sources=sources, at=AT
    )


def test_what_was_spent_on_a_release_bounds_its_builds() -> None:
    spent = Sources(minor=12, uploaded_at=UPLOADED, cpu_seconds=MOST_CPU_SECONDS + 1)

    assert next_step([], sources=spent, at=AT) == FIRST
    assert next_step([tried(LINES[0])], sources=spent, at=AT) is None


def test_a_step_proves_that_sources_cannot_work() -> None:
    regenerated = Step(None, (RegenerateCython("cython<3"),))
    history = [tried(LINES[7]), tried("ValueError: who knows", regenerated)]

    proof = proof_against(history, sources=Sources(minor=12, has_pyx=True))

    assert proof is history[0]
    assert proof_against([tried("ValueError: who knows")], sources=OLD) is None


def test_a_missing_library_is_asked_of_the_distribution_and_inherited() -> None:
    step = next_step([tried(LINES[8])], sources=OLD, at=AT)

    assert step == Step(None, (SystemPackage("foo.h"),))
    assert step.way_with(PORTABLE).system == ("foo.h",)
    assert step.way_with(PORTABLE).toolchain == HOST
    assert next_step([], sources=OLD, at=AT, won=[Won(step, minor=13)]) == step


ON_THE_HOST = Step(None, (HostToolchain(),))


@pytest.mark.parametrize(
    ("line", "outcome", "stage"),
    [
        ("x.cc:4:5: error: no matching function for call to 'f'", Outcome.BUILD_FAILED, "build"),
        ("ld.lld: error: undefined symbol: f", Outcome.BUILD_FAILED, "build"),
        ("x.c:1:1: error: conflicting types for 'f'", Outcome.REPAIR_FAILED, "repair"),
        ("x.so: undefined symbol: __kmpc_fork_call", Outcome.IMPORT_FAILED, "smoke"),
        ("ended by signal 11", Outcome.IMPORT_FAILED, "smoke"),
        ("", Outcome.NO_WHEEL, "build"),
    ],
)
def test_what_the_portable_toolchain_may_have_caused_is_tried_on_the_host(
    line, outcome, stage
) -> None:
    failed = tried(line, outcome=outcome, stage=stage, toolchain=PORTABLE)

    step = next_step([failed], sources=OLD, at=AT)

    assert step == ON_THE_HOST
    assert step.way_with(PORTABLE).toolchain == HOST
    # What fails there as well, another compiler does not mend.
    there = tried(line, step, outcome, stage)
    assert ON_THE_HOST.remedies[0] not in there.step.remedies[1:]
    then = next_step([failed, there], sources=Sources(minor=12), at=AT)
    assert then is None


@pytest.mark.parametrize(
    ("line", "outcome", "stage"),
    [
        ("x.c:1:1: fatal error: 'longintrepr.h' file not found", Outcome.BUILD_FAILED, "build"),
        (LINES[3], Outcome.BUILD_FAILED, "build"),
        (LINES[10], Outcome.IMPORT_FAILED, "smoke"),
        (LINES[0], Outcome.IMPORT_FAILED, "smoke"),
        ("", Outcome.WALL_TIME, "build"),
    ],
)
def test_what_no_compiler_causes_is_not_tried_with_another(line, outcome, stage) -> None:
    failed = tried(line, outcome=outcome, stage=stage, toolchain=PORTABLE)

    assert next_step([failed], sources=OLD, at=AT) is None


def test_what_is_known_to_help_keeps_the_portable_toolchain() -> None:
    step = next_step([tried(LINES[1], toolchain=PORTABLE)], sources=OLD, at=AT)

    assert step == Step(None, (AddBuildRequirement("numpy<2"),))
    assert step.way_with(PORTABLE).toolchain == PORTABLE


def test_the_host_wins_for_the_next_of_kin_too() -> None:
    won = [Won(ON_THE_HOST, minor=13)]

    assert next_step([], sources=OLD, at=AT, won=won) == ON_THE_HOST


def test_of_several_libraries_that_would_do_each_is_tried() -> None:
    first = tried("pkg-config has none of: mysqlclient, mariadb")
    second = Step(None, (SystemPackage("mysqlclient.pc"),))
    history = [first, tried("no package of Debian 12 owns mysqlclient.pc", second)]

    step = next_step(history, sources=OLD, at=AT)

    assert step == Step(None, (SystemPackage("mariadb.pc"),))
