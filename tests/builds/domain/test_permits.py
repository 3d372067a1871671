from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from builds.domain.permits import Channel, PermitFacts, covers

AT = datetime(2026, 1, 2, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TARGET = "cp312-manylinux_2_36_x86_64"
PERMIT = PermitFacts(
    project="demo",
    specifiers=">=1,<3",
    targets=(TARGET,),
    channels=frozenset({"build"}),
    issued_at=AT,
    expires_at=AT + timedelta(days=1),
    revoked_at=None,
)


def is_covered(permit, *, project="demo", version="1.5", target=TARGET, channel="build", at=AT):
    return covers(permit, project=project, version=version, target=target, channel=channel, at=at)


def test_what_is_named_is_covered():
    assert is_covered(PERMIT)


@pytest.mark.parametrize(
    "asked",
    [
        {"project": "other"},
        {"version": "0.9"},
        {"version": "3.0"},
        {"version": "not a version"},
        {"target": "cp311-manylinux_2_36_x86_64"},
        {"channel": "publish"},
        {"at": AT - SECOND},
        {"at": AT + timedelta(days=1)},
    ],
)
def test_nothing_else_is(asked):
    assert not is_covered(PERMIT, **asked)


def test_a_revoked_permit_covers_nothing_whatever_the_time():
    revoked = replace(PERMIT, revoked_at=AT + timedelta(hours=1))
    assert not is_covered(revoked)


def test_empty_specifiers_and_targets_cover_all_releases_and_targets():
    permit = replace(PERMIT, specifiers="", targets=())
    assert is_covered(permit, version="99.0rc1", target="cp39-musllinux_1_2_x86_64")


def test_prereleases_within_the_specifiers_are_covered():
    assert is_covered(PERMIT, version="2.0rc1")


def test_a_permit_without_an_end_goes_on():
    assert is_covered(replace(PERMIT, expires_at=None), at=AT + timedelta(days=10_000))


def test_a_permit_that_cannot_be_read_covers_nothing():
    assert not is_covered(replace(PERMIT, specifiers="all of them"))


def test_channels_have_words():
    assert [channel.label for channel in Channel] == ["Build", "Publish"]
