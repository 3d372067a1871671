from django.apps import AppConfig


class OwnershipConfig(AppConfig):
    name = "portal.ownership"
    label = "ownership"

    def ready(self) -> None:
        from portal.ownership import checks  # noqa: F401, PLC0415  # needs the models loaded
