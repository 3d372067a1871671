"""What the index answers on its own entry (`portal.settings.index`)."""

from django.urls import include, path

from portal.health import health

urlpatterns = [
    path("healthz", health, name="health"),
    path("", include("indexes.urls")),
]
