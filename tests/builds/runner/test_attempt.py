"""The log of an attempt, sent in pieces."""

import hashlib
from datetime import UTC, datetime

import pytest

from builds.runner.attempt import PIECE, Journal
from builds.runner.events import Event, LogWritten, Stage, StageStarted

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(events: list[Event], clock: Clock) -> Journal:
    journal = Journal(events.append, limit=1 << 20, clock=clock)
    journal.enter(Stage.BUILD, AT)
    return journal


def pieces(events: list[Event]) -> list[LogWritten]:
    return [event for event in events if isinstance(event, LogWritten)]


def test_a_log_waits_a_moment_for_more(journal: Journal, events: list[Event], clock: Clock) -> None:
    journal.write(b"one ")
    clock.now = 0.3
    journal.write(b"two")
    assert pieces(events) == []

    clock.now = 0.5
    journal.tick()

    assert pieces(events) == [LogWritten(0, "build", "one two")]


def test_a_large_output_is_sent_in_pieces(journal: Journal, events: list[Event]) -> None:
    journal.write(b"x" * (2 * PIECE + 1))
    journal.close()

    assert [len(piece.text) for piece in pieces(events)] == [PIECE, PIECE, 1]
    assert [piece.sequence for piece in pieces(events)] == [0, 1, 2]


def test_a_stage_begins_after_the_log_of_the_one_before(
    journal: Journal, events: list[Event]
) -> None:
    journal.write(b"of build")
    journal.enter(Stage.SMOKE, AT)
    journal.write(b"of smoke")
    journal.close()

    assert events[1:] == [
        LogWritten(0, "build", "of build"),
        StageStarted("smoke", AT.isoformat()),
        LogWritten(1, "smoke", "of smoke"),
    ]


def test_a_letter_cut_in_two_arrives_whole(journal: Journal, events: list[Event]) -> None:
    journal.write("\u20ac".encode()[:1])
    journal.write("\u20ac".encode()[1:])
    journal.close()

    assert [piece.text for piece in pieces(events)] == ["\u20ac"]


def test_what_a_database_cannot_hold_is_replaced(journal: Journal, events: list[Event]) -> None:
    journal.write(b"a\0b\xffc")
    journal.close()

    assert [piece.text for piece in pieces(events)] == ["a\ufffdb\ufffdc"]


def test_a_log_that_is_too_long_is_cut_and_says_so(events: list[Event]) -> None:
    journal = Journal(events.append, limit=10)
    journal.write(b"12345678901234567890")
    journal.write(b"more")
    journal.close()

    (piece,) = pieces(events)
    assert piece.text == "1234567890\n[the log is cut here: it is too long]\n"


def test_the_hash_is_of_what_was_sent(journal: Journal, events: list[Event]) -> None:
    journal.write(b"x" * (PIECE + 5))
    journal.close()

    sent = "".join(piece.text for piece in pieces(events))
    assert journal.sha256 == hashlib.sha256(sent.encode()).hexdigest()


def test_evidence_is_of_the_last_command(journal: Journal) -> None:
    journal.write(b"ValueError: the first\n")
    journal.forget()
    journal.write(b"KeyError: the second\n")

    assert journal.evidence() == "KeyError: the second"
