"""Watching upstream: asking on threads, writing on one, until told to stop.

Threads only talk to upstream. What they bring is written by the thread that runs the watcher, so
that a project's transaction is never held while somebody waits for the network. Several watchers,
on one host or many, share the schedule and its budget (`indexes.services.schedule`).
"""

import logging
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from threading import Event

from django.db import DatabaseError, close_old_connections

from indexes.domain.facts import ProjectFacts
from indexes.services.refresh import Answer, follow_answer
from indexes.services.schedule import (
    Claim,
    Look,
    claim_changelog,
    claim_due,
    claim_root,
    conclude,
    followed_names,
    keep_schedule,
    note_changelog,
    note_root,
)
from indexes.upstream import (
    Changelog,
    NotModified,
    ProjectNotUpstream,
    Upstream,
    UpstreamDoubtful,
    UpstreamError,
)

log = logging.getLogger(__name__)

AT_ONCE = 32
"""Requests under way: what a rate of 16 a second needs while each takes two seconds."""
TICK_SECONDS = 0.1
"""Between two looks at the schedule: an answer may come at any moment, and is written at once."""
LOOK_SECONDS = 1.0
"""Between two looks at what is to be asked of all projects together."""
TROUBLE_SECONDS = 5.0
"""Before the database is tried again."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What upstream answered for a claim; `error` instead, when that cannot be used."""

    claim: Claim
    answer: Answer = None
    facts: ProjectFacts | None = None
    error: UpstreamError | None = None


type _Work = Callable[[datetime], object]
"""What is to be written of an answer, given the time."""


class Watcher:
    """Asks upstream for who is due and follows what changed. `clock` gives the time."""

    def __init__(
        self,
        *,
        upstream: Upstream,
        changelog: Changelog | None = None,
        clock: Callable[[], datetime],
        at_once: int = AT_ONCE,
    ) -> None:
        self._upstream = upstream
        self._changelog = changelog
        self._clock = clock
        self._at_once = at_once
        self._under_way: set[Future[_Work]] = set()
        self._looked_at: datetime | None = None

    def run(self, stop: Event) -> None:
        """Until `stop` is set; what is under way then is finished."""
        with ThreadPoolExecutor(self._at_once, thread_name_prefix="upstream") as pool:
            while not stop.is_set():
                try:
                    self._step(pool, stop)
                except DatabaseError:
                    # Claims run out by themselves.
                    log.exception("The schedule could not be read or written; trying again")
                    close_old_connections()
                    stop.wait(TROUBLE_SECONDS)
            while self._under_way:
                self._write(stop)

    def _step(self, pool: ThreadPoolExecutor, stop: Event) -> None:
        at = self._clock()
        if self._looked_at is None or (at - self._looked_at).total_seconds() >= LOOK_SECONDS:
            self._looked_at = at
            keep_schedule(at=at)
            self._look(pool, at)
        for claim in claim_due(most=self._at_once - len(self._under_way), at=at):
            self._under_way.add(pool.submit(self._ask, claim))
        self._write(stop)

    def _look(self, pool: ThreadPoolExecutor, at: datetime) -> None:
        """What upstream says of all projects together."""
        if (look := claim_root(at=at)) is not None:
            self._under_way.add(pool.submit(_ask_root, self._upstream, look, followed_names()))
        if self._changelog is not None and (look := claim_changelog(at=at)) is not None:
            names = followed_names()
            self._under_way.add(pool.submit(_ask_changelog, self._changelog, look, names))

    def _write(self, stop: Event) -> None:
        """What has come, or comes within a tick."""
        if not self._under_way:
            stop.wait(TICK_SECONDS)
            return
        done, self._under_way = wait(
            self._under_way, timeout=TICK_SECONDS, return_when=FIRST_COMPLETED
        )
        for future in done:
            try:
                future.result()(self._clock())
            except UpstreamError as error:
                log.warning("%s", error)
            except DatabaseError:
                raise
            except Exception:
                # Of one project: the others go on, and its claim runs out.
                log.exception("An answer of upstream could not be followed")

    def _ask(self, claim: Claim) -> _Work:
        asked = ask_upstream(claim=claim, upstream=self._upstream)
        return lambda at: write_answer(asked=asked, at=at)


def ask_upstream(*, claim: Claim, upstream: Upstream) -> Asked:
    """Ask for the claimed project; touches no database."""
    answer: Answer
    try:
        try:
            answer = upstream.project_page(claim.name, claim.etag)
        except ProjectNotUpstream:
            answer = None
        facts = _facts(claim, upstream) if claim.is_sweep and answer is not None else None
    except UpstreamError as error:
        return Asked(claim, error=error)
    return Asked(claim, answer, facts)


def _facts(claim: Claim, upstream: Upstream) -> ProjectFacts | None:
    try:
        return upstream.project_facts(claim.name)
    except UpstreamError as error:
        # They are no part of a listing: its page is followed without them.
        log.warning("%s", error)
        return None


def write_answer(*, asked: Asked, at: datetime) -> None:
    """Follow what came, and put the project back into the schedule."""
    claim, error = asked.claim, asked.error
    if error is None:
        try:
            follow_answer(
                name=claim.name,
                answer=asked.answer,
                at=claim.at,
                is_forced=claim.is_sweep,
                facts=asked.facts,
                written_at=at,
            )
        except UpstreamDoubtful as doubtful:
            log.info("%s", doubtful)
    else:
        log.warning("%s", error)
    conclude(claim=claim, error=error, at=at)


def _ask_root(upstream: Upstream, look: Look, names: frozenset[str]) -> _Work:
    answered = upstream.serials(names, look.etag)
    if isinstance(answered, NotModified):
        return _nothing
    return lambda at: note_root(etag=answered.etag, serials=answered.serials, at=at)


def _ask_changelog(changelog: Changelog, look: Look, names: frozenset[str]) -> _Work:
    if look.since is None:
        last = changelog.last_serial()
        return lambda at: note_changelog(last=last, serials={}, at=at)
    events = changelog.since(look.since)
    if not events:
        return _nothing
    # Oldest first: of a project the newest serial stays.
    serials: dict[str, int] = {event.name: event.serial for event in events if event.name in names}
    return lambda at: note_changelog(last=events[-1].serial, serials=serials, at=at)


def _nothing(_at: datetime) -> None:
    """Nothing came that is to be written."""
