from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "portal.ledger"
    label = "ledger"

    def ready(self) -> None:
        from portal.ledger import listeners  # noqa: F401, PLC0415  # needs the models loaded
