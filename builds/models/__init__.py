from builds.models.attempt import Attempt, LogChunk
from builds.models.build import Build
from builds.models.permit import Permit

__all__ = ["Attempt", "Build", "LogChunk", "Permit"]
