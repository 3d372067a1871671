"""The addresses of a development deployment."""

from django.urls import include, path

from portal.urls import urlpatterns as of_production

urlpatterns = [
    path("account/development/", include("portal.accounts.development_urls")),
    *of_production,
]
