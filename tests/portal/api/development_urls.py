"""The addresses as a development deployment has them."""

from django.urls import path

from portal.api.development import DevelopmentSignInViewSet
from portal.urls import urlpatterns as public

urlpatterns = [
    path("api/v1/development/sign-in/", DevelopmentSignInViewSet.as_view({"post": "create"})),
    *public,
]
