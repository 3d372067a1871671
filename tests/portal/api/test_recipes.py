import pytest
from django.utils import timezone

from builds.domain.states import BuildState
from builds.models import RecipeEdit
from tests.portal.people import consent

RECIPE = "/api/v1/projects/docopt/recipe/"


def text(version: int = 1, by: str = "ada") -> str:
    return (
        f'schema = 1\nproject = "docopt"\nversion = {version}\nreason = "A flag."\n'
        f'reviewer = "{by}"\nflags = ["-DFOO"]\n'
    )


@pytest.fixture
def consented(proof, ada, docopt):
    return consent(ada, docopt, at=timezone.now())


def test_anyone_reads_what_is_in_force(docopt, anonymous):
    answer = anonymous.get(RECIPE)
    assert (answer.status_code, answer.json()["origin"]) == (200, "")
    assert anonymous.get(f"{RECIPE}edits/").json()["results"] == []


def test_an_owner_with_a_consent_edits(consented, as_ada, anonymous):
    answer = as_ada.post(RECIPE, {"text": text(), "reason": "It failed."}, format="json")
    assert answer.status_code == 201, answer.json()
    assert (answer.json()["origin"], answer.json()["version"]) == ("owner", 1)
    (edit,) = anonymous.get(f"{RECIPE}edits/").json()["results"]
    assert (edit["by"], edit["reason"]) == ("ada", "It failed.")


def test_a_preview_keeps_nothing(consented, as_ada, make_build):
    build = make_build(BuildState.FAILED, outcome="build-failed")
    answer = as_ada.post(f"{RECIPE}preview/", {"text": text()}, format="json").json()
    assert (answer["again"], answer["unpermitted"]) == (1, 0)
    assert answer["failures"][0]["build"] == str(build.pk)
    assert '+flags = ["-DFOO"]' in answer["diff"]
    assert answer["in_force"]["origin"] == "owner"
    assert not RecipeEdit.objects.exists()


def test_what_is_no_recipe_is_told_with_its_field(consented, as_ada):
    answer = as_ada.post(RECIPE, {"text": text(7), "reason": "x"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "recipe-invalid")
    assert answer.json()["facts"]["field"] == "version"


def test_a_stranger_is_told_to_prove_it(consented, as_bob):
    answer = as_bob.post(RECIPE, {"text": text(by="bob"), "reason": "x"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "proof-needed")
    assert not RecipeEdit.objects.exists()


def test_without_a_consent_there_is_nothing_to_edit(proof, as_ada):
    answer = as_ada.post(RECIPE, {"text": text(), "reason": "x"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "consent-needed")


def test_nobody_edits_without_signing_in(docopt, anonymous):
    assert anonymous.post(RECIPE, {"text": text(), "reason": "x"}, format="json").status_code == 401
