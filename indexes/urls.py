from django.urls import path, register_converter
from django.urls.converters import StringConverter

from indexes import views


class Sha256Converter(StringConverter):
    regex = "[0-9a-f]{64}"


register_converter(Sha256Converter, "sha256")

app_name = "indexes"
urlpatterns = [
    path("simple/", views.overlay_root, name="overlay-root"),
    path("simple/<str:name>/", views.overlay_project, name="overlay-project"),
    path("simple/<str:name>", views.overlay_project),
    path("wheels/simple/", views.wheels_root, name="wheels-root"),
    path("wheels/simple/<str:name>/", views.wheels_project, name="wheels-project"),
    path("wheels/simple/<str:name>", views.wheels_project),
    path("projects/<str:name>/simple/", views.project_root, name="project-root"),
    path("projects/<str:name>/simple", views.project_root),
    path("projects/<str:name>/simple/<str:listed>/", views.project_page, name="project-page"),
    path("projects/<str:name>/simple/<str:listed>", views.project_page),
    path("status/upstream.json", views.upstream_status, name="upstream-status"),
    path(
        "files/<sha256:sha256>/<str:filename>.metadata",
        views.file_metadata,
        name="file-metadata",
    ),
    path(
        "files/<sha256:sha256>/<str:filename>.provenance",
        views.file_provenance,
        name="file-provenance",
    ),
    path("files/<sha256:sha256>/<str:filename>", views.file, name="file"),
]
