from django.apps import AppConfig


class RequestsConfig(AppConfig):
    name = "portal.requests"
    label = "requests"

    def ready(self) -> None:
        from portal.requests import listeners  # noqa: F401, PLC0415  # needs the models loaded
