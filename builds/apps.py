from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from builds.domain.ways import TOOLCHAINS


class BuildsConfig(AppConfig):
    name = "builds"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from builds import listeners  # noqa: F401, PLC0415  # needs the models loaded

        checks.register(check_toolchain)


def check_toolchain(**_: Any) -> list[checks.CheckMessage]:
    """Whether AFFINEUR_TOOLCHAIN names what builders know."""
    if settings.AFFINEUR_TOOLCHAIN in TOOLCHAINS:
        return []
    known = " or ".join(sorted(TOOLCHAINS))
    return [
        checks.Error(
            f"AFFINEUR_TOOLCHAIN is {settings.AFFINEUR_TOOLCHAIN!r}: no builder has that.",
            hint=f"Set it to {known}, or leave it out: host is what it is then.",
            id="builds.E001",
        )
    ]
