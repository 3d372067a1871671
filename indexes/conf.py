"""The settings this floor reads, as one typed value."""

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings


@dataclass(frozen=True, slots=True)
class IndexesConfig:
    upstream: str
    """AFFINEUR_UPSTREAM: the simple index that we follow, with a trailing slash."""
    contact: str
    """AFFINEUR_CONTACT: sent upstream."""
    max_age: int
    """AFFINEUR_INDEX_MAX_AGE: seconds that clients and caches may keep a page."""
    unverified_seconds: int
    """AFFINEUR_UNVERIFIED_SECONDS: how long ago upstream may have been checked for a project
    before its pages stop listing files of ours."""
    overlay_unknown: str
    """AFFINEUR_OVERLAY_UNKNOWN: "redirect" or "proxy", for projects that we do not follow."""
    upstream_changelog: str
    """AFFINEUR_UPSTREAM_CHANGELOG: upstream's XML-RPC API; empty where it has none to be asked."""
    root_seconds: float
    """AFFINEUR_WATCH_ROOT_SECONDS: between two looks at upstream's root listing; 0 for none."""
    watch_rate: float
    """AFFINEUR_WATCH_RATE: requests a second upstream, of all watchers together."""
    watch_shortest: float
    """AFFINEUR_WATCH_SHORTEST: seconds until a project that changed is asked for again."""
    watch_longest: float
    """AFFINEUR_WATCH_LONGEST: the same of a project that is quiet."""
    storage: str
    """AFFINEUR_STORAGE: "local", "s3" or "memory"."""
    storage_root: Path
    s3_bucket: str
    s3_endpoint: str
    s3_region: str


def indexes_config() -> IndexesConfig:
    return IndexesConfig(
        upstream=settings.AFFINEUR_UPSTREAM,
        contact=settings.AFFINEUR_CONTACT,
        max_age=settings.AFFINEUR_INDEX_MAX_AGE,
        unverified_seconds=settings.AFFINEUR_UNVERIFIED_SECONDS,
        overlay_unknown=settings.AFFINEUR_OVERLAY_UNKNOWN,
        upstream_changelog=settings.AFFINEUR_UPSTREAM_CHANGELOG,
        root_seconds=settings.AFFINEUR_WATCH_ROOT_SECONDS,
        watch_rate=settings.AFFINEUR_WATCH_RATE,
        watch_shortest=settings.AFFINEUR_WATCH_SHORTEST,
        watch_longest=settings.AFFINEUR_WATCH_LONGEST,
        storage=settings.AFFINEUR_STORAGE,
        storage_root=Path(settings.AFFINEUR_STORAGE_ROOT),
        s3_bucket=settings.AFFINEUR_S3_BUCKET,
        s3_endpoint=settings.AFFINEUR_S3_ENDPOINT,
        s3_region=settings.AFFINEUR_S3_REGION,
    )
