from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from portal.health import health

urlpatterns = [
    path("healthz", health, name="health"),
    path("", include("indexes.urls")),
    path("builder/", include("builds.urls")),
    path("api/v1/", include("portal.api.urls")),
    path("account/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("", include("portal.web.urls")),
]
if settings.AFFINEUR_DEVELOPMENT:
    urlpatterns.insert(0, path("account/development/", include("portal.accounts.development_urls")))
