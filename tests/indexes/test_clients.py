"""Real pip and uv against the indexes, with an upstream that is a real server."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from indexes.domain.names import NormalizedName
from indexes.models import File

DEMO = NormalizedName("demo")
METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"


@pytest.fixture
def site(live_server, settings, farm, upstream, tmp_path):
    """A site that follows demo 1.0, an sdist upstream, and has a wheel of it."""
    with upstream.serve() as url:
        settings.AFFINEUR_UPSTREAM = url
        upstream.add_sdist("demo", "1.0")
        farm.enrol(DEMO)
        publish(farm, make_wheel(tmp_path))
        yield live_server.url


def make_wheel(folder: Path, name: str = "demo") -> bytes:
    files = {
        f"{name}.py": "made_by = 'affineur'\n",
        f"{name}-1.0.dist-info/METADATA": METADATA.format(name=name),
        f"{name}-1.0.dist-info/WHEEL": (
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\nBuild: 1affineur\n"
        ),
    }
    record = f"{name}-1.0.dist-info/RECORD"
    files[record] = "".join(f"{member},,\n" for member in (*files, record))
    path = folder / f"{name}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in files.items():
            archive.writestr(member, text)
    return path.read_bytes()


def publish(farm, content):
    metadata = METADATA.format(name="demo").encode()
    farm.publish("py3-none-any", name=DEMO, version="1.0", content=content, metadata=metadata)


def pip(index, folder, *arguments):
    command = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check"]
    options = ["--no-cache-dir", "--only-binary=:all:", f"--index-url={index}"]
    return run([*command, "install", *options, f"--target={folder}", *arguments])


def uv(index, folder, *arguments):
    options = ["--no-config", "--no-cache", "--only-binary=:all:", f"--index-url={index}"]
    program = Path(sys.executable).with_name("uv")
    return run(
        [
            str(program),
            "pip",
            "install",
            *options,
            f"--target={folder}",
            f"--python={sys.executable}",
            *arguments,
        ]
    )


def run(command):
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


CLIENTS = pytest.mark.parametrize("install", [pip, uv])


@CLIENTS
@pytest.mark.parametrize("index", ["simple/", "wheels/simple/", "projects/demo/simple/"])
def test_a_client_installs_our_wheel(site, tmp_path, install, index):
    done = install(f"{site}/{index}", tmp_path / "target", "demo")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "target" / "demo.py").read_text() == "made_by = 'affineur'\n"


@CLIENTS
def test_a_yank_upstream_turns_a_client_away(site, farm, upstream, tmp_path, install):
    upstream.yank(DEMO, "1.0", reason="broken")
    farm.refresh(DEMO)
    turned_away = install(f"{site}/simple/", tmp_path / "target", "demo")
    pinned = install(f"{site}/simple/", tmp_path / "target", "demo==1.0")
    assert turned_away.returncode != 0
    assert pinned.returncode == 0, pinned.stderr
    assert "broken" in pinned.stderr


@CLIENTS
def test_a_project_that_we_do_not_follow_comes_from_upstream(site, upstream, tmp_path, install):
    wheel = make_wheel(tmp_path, "gift")
    upstream.add_file("gift", "gift-1.0-py3-none-any.whl", wheel)
    done = install(f"{site}/simple/", tmp_path / "target", "gift")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "target" / "gift.py").exists()


@CLIENTS
def test_a_lock_that_names_a_superseded_wheel_still_installs(
    site, farm, upstream, tmp_path, install
):
    ours = File.objects.get()
    locked = f"{site}/files/{ours.sha256}/{ours.filename}#sha256={ours.sha256}"
    upstream.add_file("demo", "demo-1.0-py3-none-any.whl", make_wheel(tmp_path))
    farm.refresh(DEMO)
    done = install(f"{site}/simple/", tmp_path / "target", locked)
    assert done.returncode == 0, done.stderr
