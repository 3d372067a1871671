from indexes.models.curated import CuratedIndex, ReaderToken, ReleaseLicence
from indexes.models.file import File
from indexes.models.page import Page
from indexes.models.project import Project
from indexes.models.upstream_file import UpstreamFile
from indexes.models.watch import Latency, Watch, WatchState

__all__ = [
    "CuratedIndex",
    "File",
    "Latency",
    "Page",
    "Project",
    "ReaderToken",
    "ReleaseLicence",
    "UpstreamFile",
    "Watch",
    "WatchState",
]
