from django.apps import AppConfig


class OwnershipConfig(AppConfig):
    name = "portal.ownership"
    label = "ownership"
