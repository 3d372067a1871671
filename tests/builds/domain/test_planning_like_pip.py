"""A target is a gap if and only if pip, told its tags, finds no wheel among the files."""

import base64
import hashlib
import io
import random
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags, parse_tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from builds.domain.planning import ProjectFacts, plan
from builds.domain.targets import parse_target
from indexes.domain.names import NormalizedName
from indexes.domain.status import ProjectStatus
from indexes.upstream.fake import FakeUpstream
from tests.builds.domain.listings import listed

SAMPLES = 40

VERSIONS = ["1.0", "1.0.post1", "1.1rc1", "2.0"]
TARGETS = [
    "cp38-manylinux_2_17_x86_64",
    "cp39-manylinux_2_36_x86_64",
    "cp312-manylinux_2_36_x86_64",
    "cp313-manylinux_2_28_aarch64",
    "cp313t-manylinux_2_36_x86_64",
    "cp310-musllinux_1_2_x86_64",
]
TAGS = [
    "py3-none-any",
    "py2.py3-none-any",
    "py2-none-any",
    "py39-none-any",
    "py313-none-any",
    "cp312-none-any",
    "py3-none-manylinux_2_17_x86_64",
    "py3-none-musllinux_1_1_x86_64",
    "cp38-cp38-manylinux1_x86_64",
    "cp39-cp39-manylinux2010_x86_64",
    "cp39-cp39-manylinux_2_12_x86_64.manylinux2010_x86_64",
    "cp312-cp312-manylinux_2_36_x86_64",
    "cp312-cp312-manylinux_2_37_x86_64",
    "cp312-cp312-manylinux_2_17_aarch64",
    "cp313-cp313-manylinux2014_aarch64",
    "cp313-cp313t-manylinux_2_17_x86_64",
    "cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64",
    "cp310-abi3-musllinux_1_2_x86_64",
    "cp313-abi3-manylinux_2_28_x86_64",
    "cp310-cp310-musllinux_1_2_x86_64",
    "cp312-cp312-linux_x86_64",
    "cp312-cp312-win_amd64",
    "cp312-cp312-macosx_11_0_universal2",
    "cp312.cp313-none-manylinux_2_5_x86_64",
]
REQUIRES_PYTHON = ["", "", "", ">=3.9", ">=3.10,<3.13", "!=3.12.*", ">=3.12.2", "<3", "~=3.8", "x"]
BUILD_TAGS = ["", "", "1", "2affineur"]


@dataclass(frozen=True)
class Case:
    """A project's files and what is asked of them."""

    files: tuple[tuple[str, str, bool], ...]
    """(filename, requires-python, whether yanked)."""
    version: str
    target: str


def wheel_name(project: str, version: str, build: str, tags: str) -> str:
    return "-".join(part for part in (project, version, build, tags) if part) + ".whl"


NAMES = st.one_of(
    st.builds(
        wheel_name,
        st.sampled_from(["demo", "demo", "demo", "Demo", "other", "de_mo"]),
        st.sampled_from([*VERSIONS, "1.0.0", "next"]),
        st.sampled_from([*BUILD_TAGS, "b1"]),
        st.sampled_from(TAGS),
    ),
    st.builds(
        "demo-{}{}".format,
        st.sampled_from(VERSIONS),
        st.sampled_from([".tar.gz", ".zip", ".tar.bz2", ".exe", "-py3-none.whl", ".whl"]),
    ),
)
CASES = st.builds(
    Case,
    files=st.lists(
        st.tuples(NAMES, st.sampled_from(REQUIRES_PYTHON), st.booleans()),
        max_size=8,
        unique_by=lambda file: file[0],
    ).map(tuple),
    version=st.sampled_from(VERSIONS),
    target=st.sampled_from(TARGETS),
)


def settled(case: Case, project: str = "demo") -> str:
    """What the planner says of the one cell that the case asks for."""
    name = NormalizedName(project)
    facts = ProjectFacts(
        name=name,
        status=ProjectStatus.ACTIVE,
        status_reason="",
        files=tuple(
            listed(
                filename,
                requires_python=requires_python,
                yanked="bad" if is_yanked else None,
                project=name,
            )
            for filename, requires_python, is_yanked in case.files
        ),
    )
    result = plan(
        facts,
        specifiers=SpecifierSet(f"=={case.version}"),
        targets=[parse_target(case.target)],
    )
    # Exactly one answer for the cell.
    (answer,) = (
        *("served" for _ in result.served),
        *("gap" for _ in result.gaps),
        *(refusal.code.value for refusal in result.refusals),
    )
    return answer


# The oracle: packaging's rules, said once more without anything of ours.


def finds_a_wheel(case: Case) -> bool:
    tags, python = tags_of(case.target), python_of(case.target)
    return any(
        is_a_candidate(filename, requires_python, case.version, tags, f"3.{python[1]}.99")
        for filename, requires_python, _ in case.files
    )


def python_of(target: str) -> tuple[int, int]:
    return 3, int(target.partition("-")[0].removeprefix("cp3").rstrip("t"))


def tags_of(target: str) -> set[Tag]:
    interpreter, platform = target.split("-")
    python, platforms = python_of(target), platforms_of(platform)
    return {
        *cpython_tags(python, [interpreter], platforms),
        *compatible_tags(python, interpreter.rstrip("t"), platforms),
    }


def is_a_candidate(filename, requires_python, version, tags, python) -> bool:
    try:
        name, found, _, file_tags = parse_wheel_filename(filename)
    except InvalidWheelFilename:
        return False
    try:
        is_for_python = python in SpecifierSet(requires_python)
    except InvalidSpecifier:
        is_for_python = True
    return (
        name == "demo"
        and found == Version(version)
        and is_for_python
        and not tags.isdisjoint(file_tags)
    )


def platforms_of(platform: str) -> list[str]:
    libc, major, newest, machine = platform.split("_", 3)
    oldest = {"musllinux": 0, "manylinux": 5 if machine == "x86_64" else 17}[libc]
    modern = [f"{libc}_{major}_{minor}_{machine}" for minor in range(oldest, int(newest) + 1)]
    legacy = {"manylinux1": "2_5", "manylinux2010": "2_12", "manylinux2014": "2_17"}
    return modern + [
        f"{name}_{machine}"
        for name, libc_version in legacy.items()
        if f"manylinux_{libc_version}_{machine}" in modern
    ]


@given(CASES)
@settings(max_examples=600, deadline=None)
def test_a_target_is_served_if_and_only_if_there_is_a_wheel_for_its_tags(case):
    assert (settled(case) == "served") == finds_a_wheel(case)


@given(CASES)
@settings(max_examples=300, deadline=None)
def test_sources_for_its_python_make_an_unserved_target_a_gap(case):
    with_sources = Case((*case.files, (f"demo-{case.version}.tgz", "", False)), *asked(case))
    with_gap = Case((*case.files, (f"Demo-{case.version}.tar.gz", "", False)), *asked(case))
    assert settled(with_sources) != "no-sdist"
    assert (settled(with_gap) == "gap") == (not finds_a_wheel(case))


def asked(case: Case) -> tuple[str, str]:
    return case.version, case.target


# The same against pip itself.


def sampled_cases() -> list[Case]:
    """Cases from the same parts: each tag in turn, often for a target that might take it."""
    chance = random.Random(20261122)  # noqa: S311 - samples, the same ones each time
    cases = []
    for number in range(SAMPLES):
        version = chance.choice(VERSIONS[:2])
        tags = TAGS[number % len(TAGS)]
        fitting = [target for target in TARGETS if not tags_of(target).isdisjoint(parse_tag(tags))]
        names = {wheel_name("demo", version, chance.choice(BUILD_TAGS), tags)} | {
            wheel_name("demo", chance.choice(VERSIONS[:2]), "", other)
            for other in chance.sample(TAGS, chance.randrange(3))
        }
        files = tuple(
            (name, chance.choice(REQUIRES_PYTHON), chance.random() < 0.25) for name in sorted(names)
        )
        sources = (("demo-1.0.tar.gz", "", False), ("demo-1.0.post1.tar.gz", "", False))
        cases.append(Case((*files, *sources), version, chance.choice(fitting or TARGETS)))
    return cases


def wheel_bytes(project: str, version: str, tags: str) -> bytes:
    """The smallest wheel that pip takes for one."""
    folder = f"{project}-{version}.dist-info"
    members = {
        f"{project}.py": "",
        f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n",
        f"{folder}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tags}\n",
    }
    record = "".join(f"{path},{_hash(text)},{len(text)}\n" for path, text in members.items())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in {**members, f"{folder}/RECORD": f"{record}{folder}/RECORD,,\n"}.items():
            archive.writestr(path, text)
    return buffer.getvalue()


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def renamed(case: Case, project: str) -> Case:
    files = tuple((project + name.removeprefix("demo"), *rest) for name, *rest in case.files)
    return Case(files, *asked(case))


def offer(upstream: FakeUpstream, project: str, case: Case) -> None:
    for filename, requires_python, is_yanked in case.files:
        stem = filename.removesuffix(".whl")
        tags = "-".join(stem.split("-")[-3:])
        content = wheel_bytes(project, stem.split("-")[1], tags)
        upstream.add_file(project, filename, content, requires_python=requires_python)
        if is_yanked:
            upstream.yank(project, filename, reason="bad")


def pip_finds_a_wheel(index: str, project: str, case: Case, folder) -> bool:
    target = parse_target(case.target)
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check"),
            *("download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir"),
            *("--index-url", index, "--dest", str(folder)),
            *("--implementation", "cp", "--abi", target.abi),
            *("--python-version", str(target.full_python_version)),
            *(part for platform in target.platforms for part in ("--platform", platform)),
            f"{project}=={case.version}",
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    found = ran.returncode == 0
    # Not found is the only failure that answers the question.
    assert found or "No matching distribution found" in ran.stderr, ran.stderr
    return found


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """For each sample what pip and what the planner say: {project: (pip, planner)}."""
    folder = tmp_path_factory.mktemp("downloads")
    cases = {
        f"demo{number}": renamed(case, f"demo{number}")
        for number, case in enumerate(sampled_cases())
    }
    upstream = FakeUpstream()
    for project, case in cases.items():
        offer(upstream, project, case)
    with upstream.serve() as index, ThreadPoolExecutor(2) as workers:
        found = workers.map(
            lambda item: pip_finds_a_wheel(index, item[0], item[1], folder), cases.items()
        )
        return {
            project: ("served" if is_found else "gap", settled(case, project))
            for (project, case), is_found in zip(cases.items(), found, strict=True)
        }


@pytest.mark.xdist_group("pip")  # one worker asks pip, for both
def test_pip_and_the_planner_agree_on_every_sample(answers):
    assert len(answers) == SAMPLES
    assert {project: pip for project, (pip, _) in answers.items()} == {
        project: planner for project, (_, planner) in answers.items()
    }


@pytest.mark.xdist_group("pip")
def test_the_samples_hold_both_answers(answers):
    said = [pip for pip, _ in answers.values()]
    assert said.count("served") >= SAMPLES // 5
    assert said.count("gap") >= SAMPLES // 5
