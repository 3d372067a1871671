"""Recipes: which is in force for a project, and the only writer of owners' ones."""

import difflib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from builds.domain.recipes import Recipe, RecipeFacts, RecipeInvalid, parse_recipe
from builds.models import RecipeEdit
from indexes.models import Project

HOUSE_RECIPES = Path(__file__).parent.parent / "recipes"


class Origin(StrEnum):
    """Whose recipe is in force."""

    NOBODY = ""
    HOUSE = "house"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class InForce:
    """What a project's builds are given, and by whom. `version` is that of its last change."""

    origin: Origin = Origin.NOBODY
    version: int = 0
    text: str = ""
    by: str = ""
    at: datetime | None = None
    recipe: Recipe | None = None

    def facts_for(self, *, version: str, target: str) -> RecipeFacts:
        if self.recipe is None:
            return RecipeFacts()
        return self.recipe.facts_for(version=version, target=target)

    def told(self, facts: RecipeFacts) -> dict[str, Any]:
        """What an attempt's report and a wheel's provenance say of these facts of it."""
        return {
            "origin": self.origin.value,
            "version": self.version,
            "digest": facts.digest,
            "facts": facts.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a recipe that is possible. `recipe` is what would be in force."""

    before: InForce
    after: InForce
    diff: tuple[str, ...]
    """Unified, line by line."""


@cache
def house_recipes() -> dict[str, tuple[str, Recipe]]:
    """Text and recipe of every file in `builds/recipes`, by project. Raises `RecipeInvalid`."""
    texts = {path.stem: path.read_text() for path in sorted(HOUSE_RECIPES.glob("*.toml"))}
    return {name: (text, parse_recipe(name, text)) for name, text in texts.items()}


def recipe_in_force(project: Project) -> InForce:
    """What goes for the project's builds now, in one query: its owner's, or the house's."""
    newest = RecipeEdit.objects.filter(project=project).order_by("-version").first()
    if newest is not None and newest.text:
        return InForce(
            Origin.OWNER,
            newest.version,
            newest.text,
            newest.by,
            newest.created_at,
            parse_recipe(project.name, newest.text),
        )
    return _house_recipe(project, newest.version if newest else 0)


def recipe_edits(project: Project) -> QuerySet[RecipeEdit]:
    """Every version of the owner's recipe, the newest first."""
    return RecipeEdit.objects.filter(project=project).order_by("-version")


def preview_recipe(*, project: Project, text: str, by: str) -> Change:
    """What a new text would change; nothing is kept. An empty one takes the owner's back.

    Raises `RecipeInvalid`, also where it is no next version, or says that another reviewed it.
    """
    before = recipe_in_force(project)
    after = _changed(project, before, text.strip().replace("\r\n", "\n"), by)
    diff = difflib.unified_diff(
        before.text.splitlines(),
        after.text.splitlines(),
        f"version {before.version}" if before.text else "no recipe",
        f"version {after.version}" if after.text else "no recipe",
        lineterm="",
    )
    return Change(before, after, tuple(diff))


@transaction.atomic
def change_recipe(*, project: Project, text: str, by: str, reason: str, at: datetime) -> Change:
    """Put a new version of the owner's recipe in force; builds under way keep the one they have.

    Raises `RecipeInvalid`.
    """
    # One at a time, so that two who save at once do not overwrite each other unseen.
    project = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    change = preview_recipe(project=project, text=text, by=by)
    RecipeEdit.objects.create(
        project=project,
        version=change.after.version,
        text=change.after.text if change.after.origin is Origin.OWNER else "",
        by=by,
        reason=reason.strip(),
        created_at=at,
    )
    return change


def _house_recipe(project: Project, edits: int) -> InForce:
    if project.name not in house_recipes():
        return InForce(version=edits)
    text, recipe = house_recipes()[project.name]
    return InForce(Origin.HOUSE, max(recipe.version, edits), text, recipe.reviewer, recipe=recipe)


def _changed(project: Project, before: InForce, text: str, by: str) -> InForce:
    following = before.version + 1
    if not text:
        if before.origin is not Origin.OWNER:
            raise RecipeInvalid(project.name, "", "there is none of its owner's to take back.")
        return _house_recipe(project, following)
    recipe = parse_recipe(project.name, text)
    if recipe.version != following:
        raise RecipeInvalid(
            project.name,
            "version",
            f"is {recipe.version}, and the last change was version {before.version}: look at"
            f" what that says, and write {following}.",
        )
    if recipe.reviewer != by:
        raise RecipeInvalid(
            project.name, "reviewer", f"says {recipe.reviewer!r}: you answer for it; write {by!r}."
        )
    return InForce(Origin.OWNER, following, text, by, None, recipe)
