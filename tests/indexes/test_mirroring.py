"""bandersnatch, as its users run it, mirrors the overlay."""

import json
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import override

import pytest
from django.utils import timezone

from indexes.domain.names import NormalizedName
from indexes.models import File, Page
from indexes.services.mirroring import SETTLED
from tests.environments import EnvironmentUnavailableError, environment
from tests.indexes.conftest import NAME
from tests.indexes.installers import pip, run
from tests.indexes.wheels import make_wheel, metadata_of

DEMO = NormalizedName("demo")
CONFIGURATION = """
[mirror]
directory = {folder}
master = {site}/mirror
allow-non-https = true
json = true
timeout = 10
workers = 2
stop-on-error = true
"""


class Quiet(SimpleHTTPRequestHandler):
    @override
    def log_message(self, format, *args):
        pass


class Mirror:
    """A mirror in a folder."""

    def __init__(self, folder, site):
        self.folder = folder
        folder.mkdir()
        (folder / "configuration").write_text(CONFIGURATION.format(folder=folder, site=site))

    def update(self):
        program = environment("bandersnatch") / "bandersnatch"
        done = run([program, "--config", self.folder / "configuration", "mirror"])
        assert done.returncode == 0, done.stderr
        assert "Error" not in done.stderr, done.stderr
        return done.stderr

    def page(self, name):
        return json.loads((self.folder / "web" / "simple" / name / "index.v1_json").read_text())

    def files(self):
        found = (path for path in (self.folder / "web" / "packages").rglob("*") if path.is_file())
        return {path.name: path.read_bytes() for path in found}


@pytest.fixture
def mirror(live_server, settings, farm, upstream, tmp_path):
    """Of a site that follows two projects and has a wheel of each."""
    try:
        environment("bandersnatch")
    except EnvironmentUnavailableError as error:
        pytest.skip(f"bandersnatch could not be installed here: {error}")
    upstream.files_path = "packages"
    with upstream.serve() as url:
        settings.AFFINEUR_UPSTREAM = url
        upstream.add_sdist(DEMO, "1.0", requires_python=">=3.8")
        for name in (NAME, DEMO):
            farm.enrol(name)
        farm.publish()
        publish(farm)
        yield Mirror(tmp_path / "mirror", live_server.url)


def publish(farm, number=1):
    return farm.publish(
        "py3-none-any",
        name=DEMO,
        version="1.0",
        number=number,
        content=make_wheel(DEMO, made_by=f"affineur {number}"),
        metadata=metadata_of(DEMO),
    )


@pytest.fixture
def mirrored(mirror):
    """The mirror as a site of its own."""
    mirror.update()
    handler = partial(Quiet, directory=str(mirror.folder / "web"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.journey
def test_it_mirrors_upstreams_files_and_ours(mirror, upstream):
    mirror.update()
    theirs = {
        file.filename: upstream.body(file.url)
        for name in (NAME, DEMO)
        for file in upstream.page(name).files
    }
    files = mirror.files()
    assert {name: files[name] for name in theirs} == theirs
    for ours in File.objects.all():
        assert len(files[ours.filename]) == ours.size
        assert files[f"{ours.filename}.metadata"] == bytes(ours.metadata)


@pytest.mark.journey
def test_an_installer_installs_from_the_mirror(mirrored, tmp_path):
    done = pip(f"{mirrored}/simple/", tmp_path / "target", "demo")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "target" / "demo.py").read_text() == "made_by = 'affineur 1'\n"


@pytest.mark.journey
def test_it_takes_what_changed_and_no_more(mirror, farm):
    mirror.update()
    assert "0 packages to sync" in mirror.update()
    farm.upstream.yank(DEMO, "1.0", reason="broken")
    farm.refresh(DEMO)
    newer = publish(farm, number=2)
    said = mirror.update()
    assert "1 packages to sync" in said
    page = mirror.page(DEMO)
    assert newer.filename in [file["filename"] for file in page["files"]]
    assert all(file["yanked"] for file in page["files"])


def get(client, path):
    return json.loads(client.get(path).content)


@pytest.mark.django_db
def test_what_has_just_changed_has_no_serial_yet(client, farm, ours):
    """Another that changed before it may not be committed yet, and would never be asked for."""
    page = Page.objects.filter(path=f"/simple/{NAME}/")
    (project,) = get(client, "/mirror/simple/")["projects"]
    assert project["_last-serial"] == int(farm.now.timestamp() * 1_000_000)
    page.update(rendered_at=timezone.now() - SETTLED + timedelta(seconds=10))
    assert get(client, "/mirror/simple/")["projects"] == [{"name": NAME}]


@pytest.mark.django_db
def test_a_project_says_what_it_has_and_no_more(client, farm, ours):
    response = client.get(f"/mirror/pypi/{NAME}/json")
    body = json.loads(response.content)
    assert body["info"] == {"name": NAME, "version": "0.12.2"}
    assert response["X-PyPI-Last-Serial"] == str(body["last_serial"])
    (wheel, _) = body["releases"]["0.12.2"]
    assert wheel["url"] == f"http://testserver/packages/{ours.sha256}/{ours.filename}"
    uploaded = datetime.fromisoformat(wheel["upload_time_iso_8601"])
    assert uploaded.astimezone(UTC) == ours.published_at
    assert client.get("/mirror/pypi/nothing/json").status_code == 404
    assert client.get("/mirror/pypi/-x-/json").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/mirror/simple/", f"/mirror/pypi/{NAME}/json"])
def test_it_costs_few_queries(client, ours, path, django_assert_max_num_queries):
    with django_assert_max_num_queries(4):
        client.get(path)
