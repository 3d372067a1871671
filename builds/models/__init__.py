from builds.models.attempt import Attempt, LogChunk
from builds.models.build import Build
from builds.models.permit import Permit
from builds.models.recipe import RecipeEdit
from builds.models.replay import Replay, Replayed
from builds.models.rule import LearntRule
from builds.models.stop import BuilderStop

__all__ = [
    "Attempt",
    "Build",
    "BuilderStop",
    "LearntRule",
    "LogChunk",
    "Permit",
    "RecipeEdit",
    "Replay",
    "Replayed",
]
