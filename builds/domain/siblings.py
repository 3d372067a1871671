"""Which wheels upstream tell most of what a wheel should hold. Pure."""

from collections.abc import Iterable, Sequence

from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from builds.domain.targets import Target

LINUX = ("manylinux", "musllinux", "linux_")
"""Beginnings of platform tags. Wheels for other systems have extensions of their own."""
PYTHON_3 = ("cp3", "py3")
MOST_SIBLINGS = 2
LARGEST = 64 * 1024 * 1024
"""Bytes of a wheel that is fetched for its list of members."""

type _Wheel = tuple[str, Version, Sequence[Tag]]


def choose_siblings(filenames: Iterable[str], *, version: str, target: Target) -> list[str]:
    """Choose the wheels to compare one of `version` for `target` with, the most telling first.

    Only wheels with machine code for Linux tell anything; of the same release before others, then
    for the same machine, then for the nearest interpreter.

    >>> from builds.domain.targets import parse_target
    >>> choose_siblings(
    ...     ["a-1.0-cp39-cp39-manylinux_2_17_x86_64.whl", "a-1.1-cp312-cp312-win_amd64.whl"],
    ...     version="1.1",
    ...     target=parse_target("cp312-manylinux_2_36_x86_64"),
    ... )
    ['a-1.0-cp39-cp39-manylinux_2_17_x86_64.whl']
    """
    wheels = [wheel for filename in filenames if (wheel := _parse(filename)) is not None]
    own = Version(version)
    releases = sorted({own, *(release for _, release, _ in wheels)})

    def distance(wheel: _Wheel) -> tuple[int, bool, int, bool, str]:
        filename, release, tags = wheel
        return (
            abs(releases.index(release) - releases.index(own)),
            not is_for_machine(filename, target),
            min(abs(_minor(tag) - target.minor) for tag in tags),
            all(tag.platform.startswith("musllinux") for tag in tags),
            filename,
        )

    return [filename for filename, _, _ in sorted(wheels, key=distance)[:MOST_SIBLINGS]]


def is_for_machine(filename: str, target: Target) -> bool:
    """Whether a wheel, by its name, is for the target's kind of machine."""
    machine = target.platform.split("_", 3)[3]
    return filename.removesuffix(".whl").endswith(f"_{machine}")


def _parse(filename: str) -> _Wheel | None:
    try:
        _, version, _, tags = parse_wheel_filename(filename)
    except (InvalidWheelFilename, InvalidVersion):
        return None
    fitting = [
        tag
        for tag in tags
        if tag.platform.startswith(LINUX) and tag.interpreter.startswith(PYTHON_3)
    ]
    return (filename, version, fitting) if fitting else None


def _minor(tag: Tag) -> int:
    digits = tag.interpreter[len("cp3") :]
    return int(digits) if digits.isdecimal() else 0
