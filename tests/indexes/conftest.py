"""A followed project, its upstream, and files of ours."""

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from indexes import signals
from indexes.domain.files import FileKind
from indexes.domain.names import NormalizedName
from indexes.models import File, Project
from indexes.services.publish import publish_file
from indexes.services.refresh import enrol_project, refresh_project
from indexes.upstream import UpstreamDoubtful
from indexes.upstream.fake import FakeUpstream

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAME = NormalizedName("python-levenshtein")
METADATA = b"Metadata-Version: 2.1\nName: python-Levenshtein\nVersion: 0.12.2\n"


class Farm:
    """Acts on one project, each act an hour after the one before."""

    def __init__(self, upstream, folder):
        self.upstream = upstream
        self.folder = folder
        self.now = NOW

    def refresh(self, name=NAME, **options) -> Project:
        self.now += timedelta(hours=1)
        return refresh_project(name=name, at=self.now, upstream=self.upstream, **options)

    def confirm(self, name=NAME) -> Project:
        """Refresh where upstream answers what is believed the second time only."""
        with pytest.raises(UpstreamDoubtful):
            self.refresh(name)
        return self.refresh(name)

    def enrol(self, name=NAME) -> Project:
        project = self.refresh(name)
        enrol_project(project=project, at=self.now)
        return project

    def publish(self, tags="cp312-cp312-manylinux_2_36_x86_64", **changed) -> File:
        number = changed.pop("number", 1)
        content = changed.pop("content", f"wheel for {tags}, {number}".encode())
        wheel = self.folder / "wheel"
        wheel.write_bytes(content)
        project = Project.objects.get(name=changed.pop("name", NAME))
        version = changed.pop("version", "0.12.2")
        stem = f"{project.name.replace('-', '_')}-{version}"
        fields = {
            "project": project,
            "version": version,
            "filename": f"{stem}-{number}affineur-{tags}.whl",
            "build_tag": f"{number}affineur",
            "wheel": wheel,
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            "source_sha256": self._source(project, version),
            "requires_python": ">=3.8",
            "metadata": METADATA,
            "provenance": {"payload": "e30=", "signatures": []},
            "build_id": uuid4(),
            "at": self.now,
        }
        return publish_file(**fields | changed)

    def _source(self, project, version):
        sdists = project.upstream_files.filter(version=version, kind=FileKind.SDIST)
        return sdists.values_list("sha256", flat=True).first() or ""


@pytest.fixture
def upstream():
    fake = FakeUpstream()
    fake.add_sdist("python-Levenshtein", "0.12.1")
    fake.add_sdist("python-Levenshtein", "0.12.2")
    return fake


@pytest.fixture
def farm(db, upstream, tmp_path):
    return Farm(upstream, tmp_path)


@pytest.fixture
def project(farm):
    return farm.enrol()


@pytest.fixture
def ours(farm, project):
    """A published, listed wheel of ours."""
    return farm.publish()


@pytest.fixture
def heard():
    """What was announced meanwhile, as (signal's name, what it carried)."""
    events = []
    names = [name for name in vars(signals) if isinstance(vars(signals)[name], signals.Signal)]
    receivers = {name: _receiver(name, events) for name in names}
    for name, receiver in receivers.items():
        getattr(signals, name).connect(receiver, weak=False)
    yield events
    for name, receiver in receivers.items():
        getattr(signals, name).disconnect(receiver)


def _receiver(name, events):
    def receive(sender, signal, **carried):
        events.append((name, carried))

    return receive
