"""Where a request stands, in one word and in words for its author. Pure: derived, never stored."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from builds.domain.outcomes import Turn
from builds.domain.states import LIVE, BuildState


class RequestState(StrEnum):
    WAITING_FOR_UPSTREAM = "waiting-for-upstream"
    WAITING_FOR_QUOTA = "waiting-for-quota"
    WAITING_FOR_CONSENT = "waiting-for-consent"
    IN_PROGRESS = "in-progress"
    SERVED = "served"
    PARTLY_SERVED = "partly-served"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"

    @property
    def label(self) -> str:
        return self.value.replace("-", " ").capitalize()


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What a request came to."""

    project: str
    is_planned: bool
    uncovered: int
    """Gaps that wait for a consent."""
    already_served: int
    refused: int
    builds: Sequence[BuildState]
    hindrance: str = ""
    """Of `portal.requests.models.Hindrance`: what keeps the gaps from being built."""
    held_back: str = ""
    """Why its organisation's quota keeps it from being planned; empty when none does."""


@dataclass(frozen=True, slots=True)
class RequestStatus:
    state: RequestState
    turn: Turn
    words: str


def status_of(request: RequestFacts) -> RequestStatus:
    """What is under way comes first, then what somebody has to do, then what came of it."""
    counts = Counter(request.builds)
    live = sum(counts[state] for state in LIVE)
    done = counts[BuildState.PUBLISHED] + counts[BuildState.COVERED] + request.already_served
    if not request.is_planned and not live:
        return _unplanned(request)
    if live:
        return RequestStatus(RequestState.IN_PROGRESS, Turn.FARM, _progress(request, live, done))
    if request.uncovered and request.hindrance == "refused":
        return RequestStatus(
            RequestState.REFUSED,
            Turn.NOBODY,
            f"The owners of {request.project} said no to building it here, and asked not to be"
            " asked again. Please respect that; your wish is kept for you and shown to nobody.",
        )
    if request.uncovered and request.hindrance == "named-only":
        return RequestStatus(
            RequestState.WAITING_FOR_CONSENT,
            Turn.PROJECT,
            f"{_wheels(request.uncovered)} missing. The owners of {request.project} consented, and"
            " let only those whom they named ask for wheels. It is their turn: they see your wish"
            " counted.",
        )
    if request.uncovered:
        return RequestStatus(
            RequestState.WAITING_FOR_CONSENT,
            Turn.PROJECT,
            f"{_wheels(request.uncovered)} missing, and nothing of {request.project} runs here"
            " without its maintainers' consent. It is their turn; your wish is counted for them"
            " to see.",
        )
    return _settled(request, counts, done)


def _unplanned(request: RequestFacts) -> RequestStatus:
    if request.held_back:
        return RequestStatus(RequestState.WAITING_FOR_QUOTA, Turn.FARM, request.held_back)
    return RequestStatus(
        RequestState.WAITING_FOR_UPSTREAM,
        Turn.FARM,
        f"Upstream did not answer for {request.project}. Your request is kept, and planned as"
        " soon as it does. There is nothing for you to do.",
    )


def _settled(request: RequestFacts, counts: Counter[BuildState], done: int) -> RequestStatus:
    failed, cancelled = counts[BuildState.FAILED], counts[BuildState.CANCELLED]
    if not done and failed:
        return RequestStatus(
            RequestState.FAILED,
            Turn.PROJECT,
            f"No wheel of {request.project} could be made for this. Each build says why.",
        )
    if not done and cancelled:
        return RequestStatus(
            RequestState.CANCELLED,
            Turn.PROJECT,
            f"The builds of {request.project} were cancelled: their permit is gone.",
        )
    if not done:
        return RequestStatus(
            RequestState.REFUSED,
            Turn.USER,
            f"Nothing of this can be built for {request.project}. The reasons stand below.",
        )
    if failed or cancelled or request.refused:
        return RequestStatus(
            RequestState.PARTLY_SERVED,
            Turn.NOBODY,
            f"{_wheels(done)} there for {request.project}; what is not says why.",
        )
    return RequestStatus(
        RequestState.SERVED, Turn.NOBODY, f"{_wheels(done)} there for {request.project}."
    )


def _progress(request: RequestFacts, live: int, done: int) -> str:
    words = f"{live} {'build is' if live == 1 else 'builds are'} under way for {request.project}"
    if done:
        words += f", {done} served"
    if request.uncovered:
        words += f", and {request.uncovered} wait for its maintainers' consent"
    return f"{words}. It is our turn."


def _wheels(count: int) -> str:
    return "One wheel is" if count == 1 else f"{count} wheels are"
