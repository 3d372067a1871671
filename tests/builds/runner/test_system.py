"""What a job does with system packages, the distribution and its commands played by fakes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from builds.domain.outcomes import Outcome
from builds.domain.ways import Way
from builds.executors.fake import FakeExecutor
from builds.runner.packages import Found, MirrorError, NotInstallableError, Package, Root
from tests.builds.runner.conftest import Farm, Run, asks_for, leaves_wheel
from tests.builds.runner.test_run import MACHINE_CODE
from tests.data import sdists

RIND = Found("rind.h", "usr/include/rind.h", ("librind-dev", "librind-lesser-dev"))
DEEP = Found("deep.h", "usr/include/cave/deep.h", ("cave",), "usr/include/cave")
HELD = Found("held.h", "usr/include/held.h")
PACKAGE = Package("librind-dev", "1:1.0-1", "amd64", "librind-dev_1%3a1.0-1_amd64.deb", "a" * 64)


@dataclass
class FakePackages:
    """A distribution with what it is given; asked for anything else, it says no."""

    files: Sequence[Found] = (RIND, DEEP, HELD)
    names: Sequence[str] = ()
    fault: Exception | None = None
    name: str = "Debian 12"
    label: str = "debian-12"
    folder: Path = Path("/packages")
    unpacked: list[list[str]] = field(default_factory=list)

    def find(self, file: str, *, is_live: Callable[[], bool]) -> Found | None:
        return next((found for found in self.files if found.file == file), None)

    def known(self, names: Sequence[str], *, is_live: Callable[[], bool]) -> list[str]:
        return [name for name in names if name in self.names]

    def unpack(self, packages: Iterable[str], *, is_live: Callable[[], bool]) -> Root:
        if self.fault is not None:
            raise self.fault
        self.unpacked.append(list(packages))
        return Root(self.folder, (PACKAGE,))


@pytest.fixture
def packages(farm: Farm) -> FakePackages:
    made = FakePackages()
    farm.bench = replace(farm.bench, system=made)
    return made


@pytest.fixture
def fake(farm: Farm) -> FakeExecutor:
    """Commands that all go well."""
    executor = FakeExecutor()
    for part in ("install", "imports.py", "stable_abi.py"):
        executor.on(part)
    executor.on("/build/wheels", effect=leaves_wheel())
    executor.on("get_requires_for_build_wheel", effect=asks_for())
    farm.executor = executor
    return executor


def run_with(farm: Farm, external: str = "", **way: Any) -> Run:
    files = sdists.PURE.files
    table = f"[external]\nhost-requires = [{external}]\n" if external else ""
    sdist = replace(sdists.PURE, files={**files, "pyproject.toml": files["pyproject.toml"] + table})
    return farm.run(farm.job(sdist, way=Way("remedied", **way)))


def test_build_and_repair_see_the_packages_and_smoke_does_not(
    farm: Farm, fake: FakeExecutor, packages: FakePackages
) -> None:
    built, repaired = (
        leaves_wheel(tag=f"cp39-abi3-{platform}_x86_64", files=MACHINE_CODE)
        for platform in ("linux", "manylinux_2_17")
    )
    fake.on("/build/wheels", effect=built)
    fake.on("auditwheel", effect=repaired)

    run = run_with(farm, system=("rind.h",))

    assert run.end.outcome == Outcome.BUILT, run.log
    assert packages.unpacked == [["librind-dev"]]
    seen = {(command.work.name, command.system) for command in fake.commands}
    assert seen == {
        ("build", packages.folder),
        ("repair", packages.folder),
        ("audit", None),
        ("smoke", None),
    }


def test_the_report_tells_what_was_found_and_unpacked(
    farm: Farm, fake: FakeExecutor, packages: FakePackages
) -> None:
    run = run_with(farm, system=("rind.h",))

    assert run.end.report["system"] == {
        "distribution": "debian-12",
        "files": [
            {"file": "rind.h", "path": RIND.path, "packages": RIND.packages, "folder": ""},
        ],
        "packages": [
            {
                "name": "librind-dev",
                "version": "1:1.0-1",
                "architecture": "amd64",
                "filename": PACKAGE.filename,
                "sha256": PACKAGE.sha256,
            }
        ],
    }
    assert (
        "rind.h is /usr/include/rind.h of librind-dev; librind-lesser-dev would have it too"
        in run.log
    )


def test_a_header_in_a_folder_of_its_own_is_looked_for_there_last(
    farm: Farm, fake: FakeExecutor, packages: FakePackages
) -> None:
    run_with(farm, system=("deep.h",), flags=("-O1",))

    flags = {c.environment["CFLAGS"] for c in fake.commands if c.work.name == "build"}
    assert [given.split()[-2:] for given in flags] == [["-O1", "-idirafter/usr/include/cave"]]


def test_packages_by_name_and_by_file_come_together(
    farm: Farm, fake: FakeExecutor, packages: FakePackages
) -> None:
    run_with(farm, system=("rind.h",), packages=("swig",))

    assert packages.unpacked == [["swig", "librind-dev"]]


def test_what_the_host_has_already_is_said(
    farm: Farm, fake: FakeExecutor, packages: FakePackages
) -> None:
    run = run_with(farm, system=("held.h",))

    assert packages.unpacked == []
    assert "held.h is on this builder already: /usr/include/held.h" in run.log
    assert {command.system for command in fake.commands} == {None}


def test_without_a_need_nothing_is_asked_for(
    farm: Farm, fake: FakeExecutor, packages: FakePackages
) -> None:
    packages.fault = MirrorError("away")

    run = run_with(farm)

    assert run.end.outcome == Outcome.BUILT
    assert "system" not in run.end.report


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (MirrorError("the mirror is away"), Outcome.UPSTREAM_UNREACHABLE),
        (NotInstallableError("Debian 12 cannot install it"), Outcome.REQUIREMENTS_UNRESOLVABLE),
    ],
)
def test_packages_that_cannot_be_had_end_the_job(
    farm: Farm, fake: FakeExecutor, packages: FakePackages, fault: Exception, outcome: Outcome
) -> None:
    packages.fault = fault

    run = run_with(farm, system=("rind.h",))

    assert (run.end.outcome, run.end.evidence) == (outcome, str(fault))
    assert fake.commands == []


def test_a_file_that_no_package_owns_ends_the_job(
    farm: Farm, fake: FakeExecutor, packages: FakePackages
) -> None:
    run = run_with(farm, system=("mould.h",))

    assert (run.end.outcome, run.end.evidence) == (
        Outcome.REQUIREMENTS_UNRESOLVABLE,
        "no package of Debian 12 owns mould.h",
    )


def test_a_builder_without_packages_says_what_it_lacks(farm: Farm, fake: FakeExecutor) -> None:
    run = run_with(farm, system=("rind.h",))

    assert (run.end.outcome, run.end.evidence) == (
        Outcome.REQUIREMENTS_UNRESOLVABLE,
        "this builder installs no system packages, and the build needs rind.h",
    )


# What the sources name themselves (PEP 725)


@pytest.mark.parametrize(
    ("files", "names", "unpacked"),
    [
        (["rind.pc", "librind.pc", "rind"], ["librind-dev"], "of rind.pc"),
        (["librind.pc", "rind"], [], "of librind.pc"),
        (["rind"], ["librind-dev"], "of rind"),
        ([], ["librind-dev", "rind-dev", "rind"], "librind-dev"),
        ([], ["rind-dev", "rind"], "rind-dev"),
        ([], ["rind"], "rind"),
    ],
)
@pytest.mark.usefixtures("fake")
def test_a_library_that_the_sources_name_is_found(
    farm: Farm, packages: FakePackages, files: list[str], names: list[str], unpacked: str
) -> None:
    packages.files = [Found(file, f"usr/{file}", (f"of {file}",)) for file in files]
    packages.names = names

    run = run_with(farm, external='"dep:generic/Rind@>=1.0"')

    assert run.end.outcome == Outcome.BUILT, run.log
    assert packages.unpacked == [[unpacked]]


def test_what_the_sources_name_and_nobody_has_is_said_and_no_more(
    farm: Farm, fake: FakeExecutor, packages: FakePackages
) -> None:
    run = run_with(farm, external='"dep:generic/mould", "dep:cargo/x", "dep:virtual/compiler/c"')

    assert run.end.outcome == Outcome.BUILT
    assert "Debian 12 has nothing by the name of dep:generic/mould\n" in run.log
    assert "Debian 12 has nothing by the name of dep:cargo/x\n" in run.log
    assert "compiler" not in run.log


def test_what_the_sources_name_is_not_added_where_nothing_is(
    farm: Farm, fake: FakeExecutor
) -> None:
    run = run_with(farm, external='"dep:generic/rind"')

    assert run.end.outcome == Outcome.BUILT
    assert "the sources name dep:generic/rind; nothing is added here" in run.log
