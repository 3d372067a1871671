"""Real pip, uv, poetry and pdm against the indexes, with an upstream that is a real server."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from indexes.domain.names import NormalizedName
from indexes.models import File
from indexes.services.curated import Terms, add_reader_token, create_index
from tests.environments import EnvironmentUnavailableError, environment
from tests.indexes.installers import pip, run, uv
from tests.indexes.wheels import make_wheel, metadata_of, sdist_files

# Of processes there are many, of the database nothing that other tests do not see.
pytestmark = pytest.mark.journey
DEMO = NormalizedName("demo")
INDEXES = ["simple/", "wheels/simple/"]
PRIVATE, SECRET = "o/dairy/private/simple/", "affr_clients"


@pytest.fixture
def site(live_server, settings, farm, upstream):
    """A site that follows demo, two sdists upstream, and has a wheel of each."""
    with upstream.serve() as url:
        settings.AFFINEUR_UPSTREAM = url
        for version in ("1.0", "2.0"):
            upstream.add_sdist(DEMO, version, files=sdist_files(DEMO, version))
        farm.enrol(DEMO)
        for version in ("1.0", "2.0"):
            farm.publish(
                "py3-none-any",
                name=DEMO,
                version=version,
                content=make_wheel(DEMO, version),
                metadata=metadata_of(DEMO, version),
            )
        create_index(
            tenant="dairy", slug="private", terms=Terms([DEMO], is_private=True), at=farm.now
        )
        add_reader_token(
            tenant="dairy", name="ci", prefix="affr", secret=SECRET, expires_at=None, at=farm.now
        )
        yield live_server.url


def address(site: str, index: str) -> str:
    """Of an index, with the token where it asks for one."""
    scheme, _, rest = f"{site}/{index}".partition("://")
    return f"{scheme}://__token__:{SECRET}@{rest}" if index == PRIVATE else f"{scheme}://{rest}"


# Whoever installs by name


INSTALLERS = pytest.mark.parametrize("install", [pip, uv])


@INSTALLERS
@pytest.mark.parametrize("index", [*INDEXES, "projects/demo/simple/", PRIVATE])
def test_an_installer_installs_our_wheel(site, tmp_path, install, index):
    done = install(address(site, index), tmp_path / "target", "demo")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "target" / "demo.py").read_text() == "made_by = 'affineur'\n"


@INSTALLERS
@pytest.mark.parametrize("user", ["", "__token__:affr_wrong@"], ids=["without", "wrong"])
def test_an_installer_without_a_token_is_turned_away(site, tmp_path, install, user):
    index = f"{site}/{PRIVATE}".replace("://", f"://{user}")
    assert install(index, tmp_path / "target", "demo").returncode != 0
    assert not (tmp_path / "target" / "demo.py").exists()


@INSTALLERS
def test_a_yank_of_everything_turns_an_installer_away(site, farm, upstream, tmp_path, install):
    for version in ("1.0", "2.0"):
        upstream.yank(DEMO, version, reason="broken")
    farm.refresh(DEMO)
    turned_away = install(f"{site}/simple/", tmp_path / "target", "demo")
    pinned = install(f"{site}/simple/", tmp_path / "target", "demo==1.0")
    assert turned_away.returncode != 0
    assert pinned.returncode == 0, pinned.stderr
    assert "broken" in pinned.stderr


@INSTALLERS
@pytest.mark.parametrize("way", ["redirect", "proxy"])
def test_a_project_that_we_do_not_follow_comes_from_upstream(
    *, site, upstream, settings, tmp_path, install, way
):
    settings.AFFINEUR_OVERLAY_UNKNOWN = way
    upstream.add_file("gift", "gift-1.0-py3-none-any.whl", make_wheel("gift"))
    done = install(f"{site}/simple/", tmp_path / "target", "gift")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "target" / "gift.py").exists()


@INSTALLERS
def test_an_address_of_a_superseded_wheel_still_installs(site, farm, upstream, tmp_path, install):
    ours = File.objects.get(version="1.0")
    locked = f"{site}/files/{ours.sha256}/{ours.filename}#sha256={ours.sha256}"
    upstream.add_file(DEMO, "demo-1.0-py3-none-any.whl", make_wheel(DEMO, made_by="upstream"))
    farm.refresh(DEMO)
    done = install(f"{site}/simple/", tmp_path / "target", locked)
    assert done.returncode == 0, done.stderr


# Whoever locks


@dataclass(frozen=True, slots=True)
class Locker:
    """How a client locks a project in a folder, and installs what the lock says, and where."""

    files: Callable[[str, str], dict[str, str]]
    """Of an index and a requirement, the files that a user writes."""
    lock: Callable[[], list[str | Path]]
    install: Callable[[], list[str | Path]]
    locked: str
    """The file that names what was chosen."""


PROJECT = """
[project]
name = "app"
version = "1.0"
requires-python = "==3.13.*"
dependencies = ["{requirement}"]
"""


def project(tool: str) -> Callable[[str, str], dict[str, str]]:
    return lambda index, requirement: {
        "pyproject.toml": (PROJECT + tool).format(index=index, requirement=requirement)
    }


def beside(name: str) -> Path:
    return Path(sys.executable).with_name(name)


PIP = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "--no-cache-dir"]
LOCKERS = {
    "pip": Locker(
        files=lambda index, requirement: {
            "requirements.in": f"--index-url {index}\n--only-binary :all:\n{requirement}\n"
        },
        lock=lambda: [*PIP, "lock", "-r", "requirements.in"],
        install=lambda: [*PIP, "install", "-r", "pylock.toml", "--target", ".venv/lib"],
        locked="pylock.toml",
    ),
    "uv": Locker(
        files=project(
            "[tool.uv]\npackage = false\n"
            '[[tool.uv.index]]\nname = "affineur"\nurl = "{index}"\ndefault = true\n'
        ),
        lock=lambda: [beside("uv"), "lock", "--no-cache", "--python", sys.executable],
        install=lambda: [
            *(beside("uv"), "sync", "--frozen", "--no-cache", "--python", sys.executable),
        ],
        locked="uv.lock",
    ),
    "poetry": Locker(
        files=project(
            "[tool.poetry]\npackage-mode = false\n"
            '[[tool.poetry.source]]\nname = "affineur"\nurl = "{index}"\n'
        ),
        lock=lambda: [environment("poetry") / "poetry", "--no-cache", "lock"],
        install=lambda: [environment("poetry") / "poetry", "--no-cache", "sync"],
        locked="poetry.lock",
    ),
    "pdm": Locker(
        files=project(
            "[tool.pdm]\ndistribution = false\n"
            '[[tool.pdm.source]]\nname = "pypi"\nurl = "{index}"\n'
        ),
        lock=lambda: [environment("pdm") / "pdm", "lock"],
        install=lambda: [environment("pdm") / "pdm", "sync"],
        locked="pdm.lock",
    ),
}
LOCKERS["pdm with addresses"] = replace(
    LOCKERS["pdm"],
    lock=lambda: [environment("pdm") / "pdm", "lock", "--strategy", "static_urls"],
)


class Project:
    """A user's project, locked and installed by one client; nothing is kept between commands."""

    def __init__(self, client: Locker, folder: Path, files: dict[str, str]) -> None:
        self.client = client
        self.folder = folder
        folder.mkdir()
        # Where each client looks for it: to make one itself takes it long.
        run([beside("uv"), "venv", "--quiet", "--no-config", "--python", sys.executable], folder)
        for name, text in files.items():
            (folder / name).write_text(text)

    def lock(self):
        return self._run(self.client.lock())

    def locked(self) -> str:
        return (self.folder / self.client.locked).read_text()

    def install(self):
        return self._run(self.client.install())

    def installed(self) -> str:
        (module,) = self.folder.glob(".venv/**/demo.py")
        return module.read_text()

    def copy(self, folder: Path) -> "Project":
        """As on another machine: what is under version control, and nothing else."""
        kept = [path for path in self.folder.glob("[!.]*") if path.is_file()]
        return Project(self.client, folder, {path.name: path.read_text() for path in kept})

    def _run(self, command):
        home = self.folder / "home"
        return run(
            command,
            cwd=self.folder,
            PATH=f"{Path(sys.executable).parent}:/usr/bin:/bin",
            HOME=str(home),
            POETRY_VIRTUALENVS_IN_PROJECT="true",
            PDM_CHECK_UPDATE="false",
            PDM_CACHE_DIR=str(home / "pdm"),
        )


def new_project(client: Locker, folder: Path, index: str, requirement: str = "demo") -> Project:
    return Project(client, folder, client.files(index, requirement))


@pytest.fixture
def client(request):
    try:
        for name in {"poetry", "pdm"} & set(request.param.split()):
            environment(name)
    except EnvironmentUnavailableError as error:
        pytest.skip(f"{request.param} could not be installed here: {error}")
    return LOCKERS[request.param]


ALL = pytest.mark.parametrize("client", ["pip", "uv", "poetry", "pdm"], indirect=True)


def succeed(*steps):
    for step in steps:
        done = step()
        assert done.returncode == 0, done.stdout + done.stderr


def overtake(farm, version):
    """Upstream comes to publish a wheel of its own for all that ours serves."""
    content = make_wheel(DEMO, version, made_by="upstream")
    farm.upstream.add_file(DEMO, f"demo-{version}-py3-none-any.whl", content)
    farm.refresh(DEMO)


@ALL
@pytest.mark.parametrize("index", [*INDEXES, PRIVATE])
def test_a_client_locks_our_wheel_and_installs_it(client, site, tmp_path, index):
    mine = new_project(client, tmp_path / "mine", address(site, index))
    succeed(mine.lock, mine.install)
    assert File.objects.get(version="2.0").sha256 in mine.locked()
    assert mine.installed() == "made_by = 'affineur'\n"


@pytest.mark.parametrize("client", ["pip", "uv", "pdm with addresses"], indirect=True)
@pytest.mark.parametrize("index", INDEXES)
def test_a_lock_of_addresses_installs_what_was_superseded(client, site, farm, tmp_path, index):
    mine = new_project(client, tmp_path / "mine", f"{site}/{index}")
    succeed(mine.lock)
    overtake(farm, "2.0")
    elsewhere = mine.copy(tmp_path / "elsewhere")
    succeed(elsewhere.install)
    assert elsewhere.installed() == "made_by = 'affineur'\n"


@pytest.mark.parametrize("client", ["poetry", "pdm"], indirect=True)
def test_a_lock_of_hashes_installs_what_it_has_of_the_release(client, site, farm, tmp_path):
    """These look for a file of a known hash on the page: there is the sdist."""
    mine = new_project(client, tmp_path / "mine", f"{site}/simple/")
    succeed(mine.lock)
    overtake(farm, "2.0")
    elsewhere = mine.copy(tmp_path / "elsewhere")
    succeed(elsewhere.install)
    assert elsewhere.installed() == "made_by = 'sdist'\n"


@pytest.mark.parametrize("client", ["poetry", "pdm"], indirect=True)
def test_a_lock_of_hashes_installs_what_an_index_keeps(client, site, farm, tmp_path):
    create_index(tenant="acme", slug="keeps", terms=Terms([DEMO]), at=farm.now)
    mine = new_project(client, tmp_path / "mine", f"{site}/o/acme/keeps/simple/")
    succeed(mine.lock)
    overtake(farm, "2.0")
    elsewhere = mine.copy(tmp_path / "elsewhere")
    succeed(elsewhere.install)
    assert elsewhere.installed() == "made_by = 'affineur'\n"


@ALL
def test_a_yank_upstream_turns_the_next_lock_away(client, site, farm, tmp_path):
    farm.upstream.yank(DEMO, "2.0", reason="eats data")
    farm.refresh(DEMO)
    free = new_project(client, tmp_path / "free", f"{site}/simple/")
    pinned = new_project(client, tmp_path / "pinned", f"{site}/simple/", "demo==2.0")
    succeed(free.lock, pinned.lock, pinned.install)
    assert File.objects.get(version="1.0").sha256 in free.locked()
    assert File.objects.get(version="2.0").sha256 in pinned.locked()
    assert pinned.installed() == "made_by = 'affineur'\n"
