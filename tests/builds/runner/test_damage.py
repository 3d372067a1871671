"""Whatever a byte of an archive becomes, it is read, or refused as what it is."""

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from builds.runner.check import read_wheel
from builds.runner.inspect import SdistLimits, read_sdist, unpack
from builds.runner.problems import JobProblem, WheelProblem
from tests.builds.runner.wheels import make_wheel
from tests.data import sdists
from tests.data.sdists import pack

ARCHIVES = {name: pack(sdist) for name, sdist in sdists.ALL.items()}
DAMAGE = st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), max_size=4)


def damaged(content: bytes, damage: list[tuple[float, bytes]]) -> bytes:
    held = bytearray(content)
    for place, put in damage:
        start = int(place * len(held))
        held[start : start + len(put)] = put
    return bytes(held)


@given(st.sampled_from(sorted(ARCHIVES)), DAMAGE, st.floats(0.5, 1))
@settings(max_examples=100, deadline=None)
def test_a_damaged_sdist_is_a_problem_or_none(
    name: str, damage: list[tuple[float, bytes]], part: float
) -> None:
    content = damaged(ARCHIVES[name], damage)
    folder = Path(tempfile.mkdtemp(prefix="affineur-test-"))
    archive, into = folder / "archive", folder / "into"
    archive.write_bytes(content[: int(part * len(content)) + 1])
    into.mkdir()
    try:
        with suppress(JobProblem):
            top, epoch = unpack(archive, into, filename="x.tar.gz", limits=SdistLimits())
            read_sdist(into, top=top, epoch=epoch, project="x", version="1", limits=SdistLimits())
        assert {path.name for path in folder.iterdir()} == {"archive", "into"}
    finally:
        shutil.rmtree(folder)


@given(DAMAGE, st.floats(0.5, 1))
@settings(max_examples=100, deadline=None)
def test_a_damaged_wheel_is_a_problem_or_none(
    damage: list[tuple[float, bytes]], part: float
) -> None:
    with tempfile.TemporaryDirectory(prefix="affineur-test-") as folder:
        wheel = make_wheel(Path(folder), files={"demo/__init__.py": b"x" * 300})
        content = damaged(wheel.read_bytes(), damage)
        wheel.write_bytes(content[: int(part * len(content)) + 1])
        with suppress(WheelProblem):
            read_wheel(wheel)
