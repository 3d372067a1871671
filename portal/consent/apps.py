from django.apps import AppConfig


class ConsentConfig(AppConfig):
    name = "portal.consent"
    label = "consent"

    def ready(self) -> None:
        from portal.consent import listeners  # noqa: F401, PLC0415  # needs the models loaded
