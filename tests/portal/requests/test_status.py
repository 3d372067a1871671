import pytest

from builds.domain.outcomes import Turn
from builds.domain.states import BuildState
from portal.requests.status import RequestFacts, RequestState, status_of


def facts(*builds, **changes) -> RequestFacts:
    values = {
        "project": "docopt",
        "is_planned": True,
        "uncovered": 0,
        "already_served": 0,
        "refused": 0,
        "builds": [BuildState(build) for build in builds],
    }
    return RequestFacts(**(values | changes))


@pytest.mark.parametrize(
    ("request_facts", "state", "turn"),
    [
        (facts(is_planned=False), RequestState.WAITING_FOR_UPSTREAM, Turn.FARM),
        (facts(uncovered=2), RequestState.WAITING_FOR_CONSENT, Turn.PROJECT),
        (facts("cancelled", uncovered=1), RequestState.WAITING_FOR_CONSENT, Turn.PROJECT),
        (facts("queued"), RequestState.IN_PROGRESS, Turn.FARM),
        (facts("judging", "published", uncovered=1), RequestState.IN_PROGRESS, Turn.FARM),
        (facts(already_served=1), RequestState.SERVED, Turn.NOBODY),
        (facts("published", "covered"), RequestState.SERVED, Turn.NOBODY),
        (facts("published", "failed"), RequestState.PARTLY_SERVED, Turn.NOBODY),
        (facts("published", refused=1), RequestState.PARTLY_SERVED, Turn.NOBODY),
        (facts("failed"), RequestState.FAILED, Turn.PROJECT),
        (facts("cancelled"), RequestState.CANCELLED, Turn.PROJECT),
        (facts(refused=1), RequestState.REFUSED, Turn.USER),
    ],
    ids=str,
)
def test_where_it_stands_and_whose_turn_it_is(request_facts, state, turn):
    status = status_of(request_facts)
    assert (status.state, status.turn) == (state, turn)
    assert "docopt" in status.words


def test_numbers_are_said():
    words = status_of(facts("queued", "running", "published", uncovered=3)).words
    assert words == (
        "2 builds are under way for docopt, 1 served, and 3 wait for its maintainers' consent."
        " It is our turn."
    )
    assert status_of(facts("published")).words == "One wheel is there for docopt."
