from builds.domain.ladder import DECLARED, RUNGS, next_rung


def test_a_build_begins_with_what_the_project_declares():
    assert next_rung([]) == DECLARED


def test_a_rung_that_has_spoken_is_not_tried_again():
    assert next_rung([RUNGS[0]]) != RUNGS[0]


def test_after_the_last_rung_there_is_none():
    assert next_rung(RUNGS) is None
