from datetime import date
from typing import override

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from indexes import views
from indexes.domain.selection import is_platform


class PlatformConverter(StringConverter):
    """The platform part of a wheel's tags."""

    regex = "[a-z0-9_]+"

    @override
    def to_python(self, value: str) -> str:
        if not is_platform(value):
            raise ValueError(value)
        return value


class DayConverter:
    """A date as in ISO 8601."""

    regex = "[0-9]{4}-[0-9]{2}-[0-9]{2}"

    def to_python(self, value: str) -> date:
        return date.fromisoformat(value)

    def to_url(self, value: date) -> str:
        return value.isoformat()


class Sha256Converter(StringConverter):
    regex = "[0-9a-f]{64}"


class FilenameConverter(StringConverter):
    # No control characters: PostgreSQL does not even compare with a NUL.
    regex = "[^/\\x00-\\x1f]+"


register_converter(Sha256Converter, "sha256")
register_converter(FilenameConverter, "filename")
register_converter(PlatformConverter, "platform")
register_converter(DayConverter, "day")

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
    path("platforms/<platform:platform>/simple/", views.platform_root, name="platform-root"),
    path(
        "platforms/<platform:platform>/simple/<str:name>/",
        views.platform_project,
        name="platform-project",
    ),
    path("platforms/<platform:platform>/simple/<str:name>", views.platform_project),
    path("as-of/<day:day>/simple/", views.dated_root, name="dated-root"),
    path("as-of/<day:day>/simple/<str:name>/", views.dated_project, name="dated-project"),
    path("as-of/<day:day>/simple/<str:name>", views.dated_project),
    path("mirror/simple", views.mirror_root),
    path("mirror/simple/", views.mirror_root, name="mirror-root"),
    path("mirror/pypi/<str:name>/json", views.mirror_project, name="mirror-project"),
    # Where mirrors want files to be (`indexes.services.mirroring`).
    path("packages/<sha256:sha256>/<filename:filename>.metadata", views.file_metadata),
    path("packages/<sha256:sha256>/<filename:filename>", views.file),
    path("o/<slug:tenant>/<slug:index>/simple/", views.curated_root, name="curated-root"),
    path("o/<slug:tenant>/<slug:index>/simple", views.curated_root),
    path(
        "o/<slug:tenant>/<slug:index>/simple/<str:name>/",
        views.curated_project,
        name="curated-project",
    ),
    path("o/<slug:tenant>/<slug:index>/simple/<str:name>", views.curated_project),
    path("status/upstream.json", views.upstream_status, name="upstream-status"),
    path(
        "files/<sha256:sha256>/<filename:filename>.metadata",
        views.file_metadata,
        name="file-metadata",
    ),
    path(
        "files/<sha256:sha256>/<filename:filename>.provenance",
        views.file_provenance,
        name="file-provenance",
    ),
    path("files/<sha256:sha256>/<filename:filename>", views.file, name="file"),
]
