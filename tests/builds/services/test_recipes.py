"""Recipes: which is in force, and what it does to a project's builds."""

from datetime import timedelta
from pathlib import Path

import pytest

from builds.domain.outcomes import Outcome
from builds.domain.recipes import RecipeInvalid
from builds.domain.states import BuildState
from builds.models import Build, Permit, RecipeEdit
from builds.services import recipes
from builds.services.judge import judge_attempt
from builds.services.plan import request_builds
from builds.services.provenance import verify_published
from builds.services.recipes import (
    Origin,
    change_recipe,
    house_recipes,
    preview_recipe,
    recipe_in_force,
)
from indexes.models import File, Project
from tests.builds.farm import (
    AT,
    CP312,
    CP313,
    attempt_of,
    build_wheel,
    claim_one,
    ended,
    make_project,
    say,
    take,
)

pytestmark = pytest.mark.django_db


def recipe(version: int = 1, body: str = 'flags = ["-DFOO"]', by: str = "ada") -> str:
    return (
        f'schema = 1\nproject = "demo"\nversion = {version}\nreason = "It asks for FOO."\n'
        f'reviewer = "{by}"\n{body}\n'
    )


def change(project: Project, text: str, by: str = "ada"):
    return change_recipe(project=project, text=text, by=by, reason="It did not build.", at=AT)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A house recipe for demo."""
    (tmp_path / "demo.toml").write_text(recipe(7, 'packages = ["libfoo-dev"]', "bob"))
    monkeypatch.setattr(recipes, "HOUSE_RECIPES", tmp_path)
    house_recipes.cache_clear()
    yield
    house_recipes.cache_clear()


def test_every_recipe_of_the_house_is_sound() -> None:
    house_recipes.cache_clear()
    assert all(name == recipe.project for name, (_, recipe) in house_recipes().items())


def test_without_a_recipe_nothing_is_added(permit: Permit) -> None:
    assert recipe_in_force(permit.project).origin is Origin.NOBODY
    request_builds(project=permit.project, specifiers="", targets=[CP313], at=AT)
    job = claim_one()
    assert (job.way.flags, attempt_of(job).report) == ((), {})


def test_a_job_goes_by_the_recipe_and_its_provenance_says_so(
    permit: Permit, house: None, tmp_path: Path, settings
) -> None:
    settings.AFFINEUR_SIGNING_KEY = tmp_path / "key.pem"
    settings.AFFINEUR_DEVELOPMENT = True
    request_builds(project=permit.project, specifiers="", targets=[CP313], at=AT)

    job = claim_one()
    build_wheel(job, tmp_path)
    judge_attempt(attempt_id=attempt_of(job).pk, at=AT)

    assert job.way.packages == ("libfoo-dev",)
    told = verify_published(filename=File.objects.get().filename)
    named = told["predicate"]["buildDefinition"]["internalParameters"]["recipe"]
    assert (named["origin"], named["version"]) == ("house", 7)
    assert named["facts"] == {"packages": ["libfoo-dev"]}


def test_a_builder_does_not_say_which_recipe_it_had(permit: Permit) -> None:
    request_builds(project=permit.project, specifiers="", targets=[CP313], at=AT)
    job = claim_one()
    take(job)
    say(job, ended(Outcome.BUILD_FAILED, recipe={"origin": "house"}))
    assert "recipe" not in attempt_of(job).report


def test_the_owners_takes_the_place_of_the_houses(permit: Permit, house: None) -> None:
    project = permit.project
    assert recipe_in_force(project).origin is Origin.HOUSE

    change(project, recipe(8))

    found = recipe_in_force(project)
    assert (found.origin, found.version, found.by) == (Origin.OWNER, 8, "ada")
    assert found.facts_for(version="1.0", target=CP313).to_json() == {"flags": ("-DFOO",)}


def test_an_owner_takes_theirs_back(permit: Permit, house: None) -> None:
    change(permit.project, recipe(8))
    change(permit.project, "")

    found = recipe_in_force(permit.project)
    assert (found.origin, found.version) == (Origin.HOUSE, 9)
    with pytest.raises(RecipeInvalid, match="none of its owner's"):
        change(permit.project, "")


@pytest.mark.parametrize(
    ("text", "field"),
    [(recipe(1), "version"), (recipe(3), "version"), (recipe(2, by="bob"), "reviewer")],
)
def test_a_change_is_the_next_version_and_its_authors_own(
    permit: Permit, text: str, field: str
) -> None:
    change(permit.project, recipe(1))
    with pytest.raises(RecipeInvalid) as caught:
        change(permit.project, text)
    assert caught.value.field == field
    assert RecipeEdit.objects.count() == 1


def test_a_preview_shows_the_difference_and_keeps_nothing(permit: Permit) -> None:
    change(permit.project, recipe(1))
    preview = preview_recipe(project=permit.project, text=recipe(2, 'flags = ["-DBAR"]'), by="ada")
    assert '-flags = ["-DFOO"]' in preview.diff
    assert '+flags = ["-DBAR"]' in preview.diff
    assert RecipeEdit.objects.count() == 1


def failed(project: Project, target: str) -> Build:
    (build,) = request_builds(project=project, specifiers="==1.0", targets=[target], at=AT).builds
    Build.objects.filter(pk=build.pk).update(
        state=BuildState.FAILED.value, outcome=Outcome.BUILD_FAILED.value, ended_at=AT
    )
    return build


def test_a_change_makes_those_failures_other_work_that_it_is_for(permit: Permit) -> None:
    old = {target: failed(permit.project, target) for target in (CP313, CP312)}
    change(permit.project, recipe(1, '[[when]]\ntargets = ["cp312-*"]\nflags = ["-DFOO"]'))

    planned = request_builds(
        project=permit.project, specifiers="==1.0", targets=[CP313, CP312], at=AT
    )

    builds = {build.target: build for build in planned.builds}
    assert builds[CP313] == old[CP313]
    assert builds[CP312] != old[CP312]
    assert builds[CP312].state == BuildState.QUEUED


def test_what_waits_is_built_by_the_recipe_of_the_day(permit: Permit) -> None:
    (build,) = request_builds(
        project=permit.project, specifiers="==1.0", targets=[CP313], at=AT
    ).builds
    change(permit.project, recipe(1))

    job = claim_one(AT + timedelta(minutes=1))

    before = build.key
    build.refresh_from_db()
    assert job.way.flags == ("-DFOO",)
    assert build.key != before
    found = recipe_in_force(permit.project).facts_for(version="1.0", target=CP313)
    assert build.recipe == found.digest


def test_a_recipe_that_is_changed_back_makes_no_work_twice(permit: Permit) -> None:
    failed(permit.project, CP313)
    change(permit.project, recipe(1))
    (again,) = request_builds(
        project=permit.project, specifiers="==1.0", targets=[CP313], at=AT
    ).builds
    change(permit.project, "")

    from builds.services.claim import claim_builds

    assert claim_builds(at=AT) == []
    again.refresh_from_db()
    assert again.state == BuildState.CANCELLED
    assert "changed back" in again.message


def test_a_recipe_that_cannot_be_read_holds_up_nobody_else(permit: Permit) -> None:
    from tests.builds.farm import permit_all

    other = permit_all(make_project("other"))
    for project in (permit.project, other.project):
        request_builds(project=project, specifiers="==1.0", targets=[CP313], at=AT)
    RecipeEdit.objects.create(
        project=permit.project, version=1, text="= no", by="x", reason="x", created_at=AT
    )
    assert claim_one().project == "other"
