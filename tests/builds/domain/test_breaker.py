from datetime import UTC, datetime, timedelta

import pytest

from builds.domain.breaker import Ended, stops_builder, stops_farm

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
FAULT = "builder-fault"


def ended(faults: str, builds: str, builders: str = "aaaaaa", minutes: int = 0) -> list[Ended]:
    """`x` is a fault, `u` upstream's, `.` none; each letter of the others names one."""
    names = {"x": FAULT, "u": "upstream-unreachable", ".": ""}
    at = AT - timedelta(minutes=minutes)
    return [
        Ended(builder, build, names[fault], at)
        for fault, build, builder in zip(faults, builds, builders, strict=False)
    ]


@pytest.mark.parametrize(
    ("latest", "stops"),
    [
        (ended("xxxxxx", "123456"), True),
        (ended("xxx.xx", "121323"), True),
        (ended("xxxxx", "12312"), True),
        (ended("xx..xx", "123456"), False),
        (ended("xxxx", "1234"), False),
        (ended("xxxxxx", "121212"), False),
        (ended("xxxxxx", "123456", minutes=15), True),
        (ended("xxxxxx", "123456", minutes=16), False),
        ([], False),
    ],
)
def test_a_builder_stops_by_its_faults_over_several_builds(latest: list[Ended], stops) -> None:
    assert stops_builder(latest, at=AT) is stops


@pytest.mark.parametrize(
    ("latest", "stops"),
    [
        (ended("uuuuuu", "123456", "ababab"), True),
        (ended("uuuuuu", "123456", "aaaaaa"), False),
        (ended("xuuuuu", "123456", "ababab"), False),
        (ended("uu.u.u", "123456", "ababab"), False),
    ],
)
def test_the_farm_stops_when_the_same_is_wrong_everywhere(latest: list[Ended], stops) -> None:
    assert stops_farm(latest, at=AT) is stops
