"""What there is to say to a project about what people ask of it."""

from django.conf import settings
from django.urls import reverse

from indexes.models import Project
from portal.requests.drafts import Asked
from portal.requests.services import demand
from portal.target_names import target_in_words


def asked_of(project: Project) -> Asked:
    """The facts of the drafts; where nobody said for what, this deployment's own targets."""
    wishes = demand(project)
    targets = [target for target, _ in wishes.targets] or list(settings.AFFINEUR_TARGETS)
    return Asked(
        project=project.name,
        people=wishes.people,
        targets=[target_in_words(target) for target in targets],
        page=_address("project", project.name),
        prove_page=_address("give-consent", project.name),
        about_page=_address("about"),
    )


def _address(page: str, *arguments: str) -> str:
    return f"{settings.AFFINEUR_PUBLIC_URL}{reverse(f'web:{page}', args=arguments)}"
