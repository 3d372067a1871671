from django.urls import path

from builds import views

app_name = "builds"
urlpatterns = [
    path("attempts/<uuid:attempt>/lease", views.lease, name="lease"),
    path("attempts/<uuid:attempt>/wheel/<str:filename>", views.wheel, name="wheel"),
]
