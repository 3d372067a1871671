"""The coverage of a project, read."""

from collections.abc import Sequence

from builds.domain.coverage import BuildFacts, Coverage, cover
from builds.domain.states import BuildState
from builds.models import Build
from builds.services.plan import project_facts, wanted_targets
from indexes.models import Project


def coverage(*, project: Project, targets: Sequence[str] = ()) -> Coverage:
    """The matrix of a project's releases and these targets, in three queries.

    Without targets the deployment's own are meant. Raises `UnknownTarget`.
    """
    asked = wanted_targets(targets)
    builds = (
        Build.objects.filter(project=project)
        .order_by("queued_at", "pk")
        .values_list("pk", "version", "target", "state", "outcome", "filename")
    )
    return cover(
        project_facts(project),
        targets=asked,
        builds=[
            BuildFacts(pk, version, target, BuildState(state), outcome, filename)
            for pk, version, target, state, outcome, filename in builds.iterator()
        ],
    )
