"""The API as a development deployment routes it."""

from django.urls import include, path

from portal.api.development import DevelopmentSignInViewSet
from portal.api.urls import urlpatterns as public

urlpatterns = [
    path(
        "api/v1/development/sign-in/", DevelopmentSignInViewSet.as_view({"post": "create"})
    ),
    path("api/v1/", include(public)),
]
