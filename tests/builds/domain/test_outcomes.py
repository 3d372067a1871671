"""Every outcome has words."""

import pytest

from builds.domain.outcomes import Outcome


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_names_the_release_in_its_sentence(outcome: Outcome) -> None:
    sentence = outcome.sentence(project="demo", version="1.0", target="cp313")

    assert "demo 1.0" in sentence
    assert sentence.endswith(".")
    assert "!" not in sentence
