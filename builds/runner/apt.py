"""Debian's packages and its derivatives', by their own apt, and without touching the host's.

apt runs on lists and caches of its own below one folder, with the machine's sources, keys and
proxies, and looks at the machine's installed packages to get only what is missing. It verifies
what it gets as ever. Packages are unpacked and not installed: no script of theirs runs, and root
is not needed. On one machine: lists from the archive 5 s, their index 3 s, a look-up 0.03 s,
resolving 0.5 s, a set of packages that was unpacked before 0.01 s.
"""

import fcntl
import hashlib
import json
import logging
import os
import platform
import re
import shutil
import signal
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import IO, cast
from urllib.parse import unquote

from builds.domain.limits import MEBIBYTE
from builds.executors.sandbox import remove_tree
from builds.executors.usage import folder_usage
from builds.runner.contents import WANTED, Contents, includes, is_file, places
from builds.runner.packages import LISTINGS, Found, MirrorError, NotInstallableError, Package, Root
from builds.runner.problems import LeaseGoneError

FRESH_SECONDS = 24 * 3600
"""How long lists are good."""
RETRY_SECONDS = 600
"""How long after lists that could not be had whole they are asked for again."""
KEPT_SECONDS = 7 * 24 * 3600
"""How long unpacked packages are kept that nobody uses."""
BUSY_SECONDS = 12 * 3600
"""How long a build may look at them after it has asked for them."""
KEPT_BYTES = 16 * 1024 * MEBIBYTE
"""On disk, of unpacked packages; more only while builds look at them."""
MOST_BYTES = 512 * MEBIBYTE
"""Of packages that one build may ask for, as they are downloaded."""
MOST_FILES = 1_000_000
"""Counted when the size of unpacked packages is taken."""
UPDATE_SECONDS = 600
DOWNLOAD_SECONDS = 1200
COMMAND_SECONDS = 120
PIPE_SECONDS = 300
LOOK_SECONDS = 0.2
"""Between looks at the lease."""
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
HELPER = Path("/usr/lib/apt/apt-helper")
TOOLS = ("apt-get", "apt-cache", "dpkg-deb", "grep", "tar")
PASSED = ("APT_CONFIG", "http_proxy", "https_proxy", "ftp_proxy", "no_proxy")
"""Of the builder's environment: apt runs programs, which need not know the rest."""
STATUS = Path("/var/lib/dpkg/status")
NOTHING_FOUND = 1
"""What grep(1) ends with when no line matches."""
MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
"""Folders that packages may still fill, and that are one with those of /usr."""

_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]*[a-z0-9+.]")
_URI = re.compile(r"'[^']+' (?P<file>[^_ ]+_[^_ ]+_[^_ ]+\.deb) (?P<size>\d+) .*")
_LIBRARY = re.compile(r"lib[^/]+\.so(\.\d+)*")

CONFIGURATION = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear AptCli::Hooks;
APT::Get::Assume-Yes "true";
APT::Install-Recommends "false";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
Debug::NoLocking "true";
Dir::Cache "{root}/cache";
Dir::Cache::archives "archives";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "srcpkgcache.bin";
Dir::State::lists "{root}/lists";
Acquire::IndexTargets::deb {{
  Contents-deb {{
    MetaKey "$(COMPONENT)/Contents-$(ARCHITECTURE)";
    ShortDescription "Contents-$(ARCHITECTURE)";
    Description "$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Contents";
    DefaultEnabled "true";
    KeepCompressed "true";
    PDiffs "false";
  }};
  Contents-deb-legacy {{
    MetaKey "Contents-$(ARCHITECTURE)";
    ShortDescription "Contents-$(ARCHITECTURE)";
    Description "$(RELEASE) $(ARCHITECTURE) Contents";
    Fallback-Of "Contents-deb";
    Identifier "Contents-deb";
    DefaultEnabled "true";
    KeepCompressed "true";
    PDiffs "false";
  }};
}};
"""
"""What differs from the machine's own configuration, which stays in force. The targets are those
of deb(5) "Contents", first as the repository format has them, then as older archives do."""

logger = logging.getLogger(__name__)


class Apt:
    """The packages of the distribution that this builder runs on; see `SystemPackages`.

    Everything it keeps is in the folder `root`, which the slots of a builder share. `sources`, a
    file as in sources.list(5), stands in place of the machine's.
    """

    def __init__(self, root: Path, *, sources: Path | None = None) -> None:
        self.root = root.absolute()
        self._triplet = str(
            sysconfig.get_config_var("MULTIARCH") or f"{platform.machine()}-linux-gnu"
        )
        release = platform.freedesktop_os_release()
        version = release.get("VERSION_ID", "")
        self.name = f"{release['ID'].capitalize()} {version}".strip()
        self.label = f"{release['ID']}-{version}".rstrip("-")
        self._index = self.root / "index"
        self._state = self.root / "state"
        self._contents = Contents(self._index, self._triplet)
        for folder in ("answers", "cache/archives/partial", "lists/partial", "roots"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        self._configuration = self.root / "apt.conf"
        configured = self._configured(sources)
        if not self._configuration.exists() or self._configuration.read_text() != configured:
            self._state.unlink(missing_ok=True)
            _write(self._configuration, configured)

    @staticmethod
    def is_here() -> bool:
        """Whether this machine has what it takes."""
        return HELPER.exists() and all(shutil.which(tool, path=PATH) for tool in TOOLS)

    def find(self, file: str, *, is_live: Callable[[], bool]) -> Found | None:
        if not is_file(file):
            return None
        if (held := self._on_host(file)) is not None:
            return held
        self._refresh(is_live)
        owned = self._contents.owners(file)
        if not owned:
            self._verify_whole()
            return None
        names = list(dict.fromkeys(chain.from_iterable(item.packages for item in owned)))
        ranked = self._by_need(names, is_live) if len(names) > 1 else names
        path = next(item.path for item in owned if ranked[0] in item.packages)
        folder = path.removesuffix(f"/{file}")
        is_usual = folder == path or any(folder in usual for usual in places(file, self._triplet))
        is_header = folder.startswith(includes(self._triplet))
        return Found(file, path, tuple(ranked), "" if is_usual or not is_header else folder)

    def known(self, names: Sequence[str], *, is_live: Callable[[], bool]) -> list[str]:
        self._refresh(is_live)
        asked = [name for name in names if _PACKAGE.fullmatch(name)]
        told = self._apt("apt-cache", "madison", "--", *asked, is_live=is_live)
        listed = {line.partition("|")[0].strip() for line in told.stdout.splitlines()}
        return [name for name in asked if name in listed]

    def unpack(self, packages: Iterable[str], *, is_live: Callable[[], bool]) -> Root:
        asked = sorted(set(packages))
        for name in asked:
            if not _PACKAGE.fullmatch(name):
                raise NotInstallableError(f"{name!r} is no name of a package")
        self._refresh(is_live)
        if (kept := self._answered(asked)) is not None:
            return kept
        with self._locked(is_live):
            try:
                return self._got(asked, is_live)
            except MirrorError as error:
                # What lists name is gone from a mirror as soon as something newer is there.
                logger.info("packages could not be had, their lists are got anew: %s", error)
                self._update(is_live)
                return self._got(asked, is_live)

    # Looking up

    def _on_host(self, file: str) -> Found | None:
        for folder in chain.from_iterable(places(file, self._triplet)):
            path = Path("/", folder, file)
            if path.is_file():
                return Found(file, f"{folder}/{file}")
        return None

    def _by_need(self, names: list[str], is_live: Callable[[], bool]) -> list[str]:
        """What most other packages depend on comes first: the distribution's own choice."""
        told = self._apt("apt-cache", "rdepends", "--important", "--", *names, is_live=is_live)
        dependents: dict[str, set[str]] = {name: set() for name in names}
        of = ""
        for line in told.stdout.splitlines():
            if not line.startswith(" "):
                of = line if line in dependents else of
            elif of:
                dependents[of].add(line.strip(" |"))
        return sorted(names, key=lambda name: (-len(dependents[name]), name))

    # Lists

    def _refresh(self, is_live: Callable[[], bool]) -> None:
        if self._is_fresh():
            return
        with self._locked(is_live):
            if not self._is_fresh():
                self._update(is_live)

    def _is_fresh(self) -> bool:
        try:
            age = time.time() - self._state.stat().st_mtime
        except FileNotFoundError:
            return False
        return 0 <= age < (RETRY_SECONDS if self._fault() else FRESH_SECONDS)

    def _fault(self) -> str:
        """Why the lists are not whole, or not today's."""
        return self._state.read_text()

    def _verify_whole(self) -> None:
        """What is not in lists that are not whole may exist all the same."""
        if fault := self._fault():
            raise MirrorError(f"the package lists of {self.name} are not whole: {fault}")

    def _update(self, is_live: Callable[[], bool]) -> None:
        began = time.monotonic()
        ran = self._apt("apt-get", "update", "-qq", is_live=is_live, seconds=UPDATE_SECONDS)
        fault = "" if ran.returncode == 0 else _complaint(ran.stderr)
        listed = self._apt(
            *("apt-get", "indextargets", "--format", "$(FILENAME)", "Identifier: Contents-deb"),
            is_live=is_live,
        )
        self._make_index(listed.stdout.split(), is_live)
        _write(self._state, fault)
        took = time.monotonic() - began
        logger.info("package lists are of now (%.0f s); %s", took, fault or "all is well")

    def _make_index(self, lists: list[str], is_live: Callable[[], bool]) -> None:
        draft = self.root / "index.part"
        with draft.open("wb") as file:
            if lists:
                _pipe(
                    [str(HELPER), "cat-file", *lists],
                    ["grep", "--extended-regexp", WANTED],
                    is_live=is_live,
                    stdout=file,
                    good=(0, NOTHING_FOUND),
                )
        draft.replace(self._index)

    def _prune(self) -> None:
        """Remove what nobody has used for long, the least recently used first."""
        left = [*self.root.glob("part-*")]
        ages = {path: time.time() - path.stat().st_mtime for path in self.root.glob("answers/*")}
        left += [path for path, age in ages.items() if age > KEPT_SECONDS]
        ages = {path: time.time() - path.stat().st_mtime for path in self.root.glob("roots/*")}
        total = 0
        for path, age in sorted(ages.items(), key=lambda item: item[1]):
            total += int((path / "size").read_text())
            if age > KEPT_SECONDS or (age > BUSY_SECONDS and total > KEPT_BYTES):
                left.append(path)
        for path in left:
            remove_tree(path)

    # Packages

    def _answered(self, asked: list[str]) -> Root | None:
        """What the same question was answered with, while lists and host are the same."""
        try:
            key = self._answer(asked).read_text()
        except FileNotFoundError:
            return None
        return self._kept(key)

    def _answer(self, asked: list[str]) -> Path:
        facts = [*asked, self._index.stat().st_mtime_ns, STATUS.stat().st_mtime_ns]
        return self.root / "answers" / _key(facts)

    def _kept(self, key: str) -> Root | None:
        if not key:
            return Root()
        folder = self.root / "roots" / key
        try:
            os.utime(folder)
            listed = json.loads((folder / "packages.json").read_bytes())
        except FileNotFoundError:
            return None
        return Root(folder, tuple(Package(**item) for item in listed))

    def _got(self, asked: list[str], is_live: Callable[[], bool]) -> Root:
        needed = self._resolved(asked, is_live)
        key = _key(sorted(needed)) if needed else ""
        root = self._kept(key)
        if root is None:
            self._prune()
            root = self._made(key, needed, is_live)
        _write(self._answer(asked), key)
        return root

    def _resolved(self, asked: list[str], is_live: Callable[[], bool]) -> list[str]:
        """The files of all packages that are missing here; raises `NotInstallableError`."""
        ran = self._apt("apt-get", "install", "-qq", "--print-uris", "--", *asked, is_live=is_live)
        if ran.returncode != 0:
            self._verify_whole()
            raise NotInstallableError(
                f"{self.name} cannot install {', '.join(asked)}: {_complaint(ran.stderr)}"
            )
        matches = [match for line in ran.stdout.splitlines() if (match := _URI.fullmatch(line))]
        size = sum(int(match["size"]) for match in matches)
        if size > MOST_BYTES:
            raise NotInstallableError(
                f"{self.name} needs {size} bytes of packages for {', '.join(asked)}, and a build"
                f" may have {MOST_BYTES}"
            )
        return [match["file"] for match in matches]

    def _made(self, key: str, files: list[str], is_live: Callable[[], bool]) -> Root:
        """Download and unpack the packages into a folder that appears whole or not at all."""
        with tempfile.TemporaryDirectory(dir=self.root, prefix="part-") as made:
            folder, downloads = Path(made, "root"), Path(made, "downloads")
            downloads.mkdir()
            (folder / LISTINGS).mkdir(parents=True)
            if os.geteuid() == 0:
                # apt downloads as a user of its own, where that one may.
                Path(made).chmod(0o711)
                with suppress(LookupError):
                    shutil.chown(downloads, "_apt")
            ran = self._apt(
                *("apt-get", "download", "-qq", "--"),
                *(_specifier(*_parts(file)) for file in files),
                is_live=is_live,
                seconds=DOWNLOAD_SECONDS,
                cwd=downloads,
            )
            debs = sorted(downloads.iterdir())
            if ran.returncode != 0 or len(debs) != len(files):
                raise MirrorError(f"packages of {self.name}: {_complaint(ran.stderr)}")
            for name in MERGED:
                (folder / "usr" / name).mkdir(parents=True, mode=0o755)
                (folder / name).symlink_to(f"usr/{name}")
            for deb in debs:
                _unpack(deb, folder, is_live, listing=folder / LISTINGS / deb.name)
            for name in MERGED:
                with suppress(OSError):
                    (folder / "usr" / name).rmdir()
            self._link_libraries(folder)
            packages = [Package(*_parts(deb.name), deb.name, _sha256(deb)) for deb in debs]
            _write(folder / "packages.json", json.dumps([asdict(item) for item in packages]))
            usage = folder_usage(str(folder), size=KEPT_BYTES, files=MOST_FILES)
            _write(folder / "size", str(usage.size))
            folder.chmod(0o755)
            kept = folder.rename(self.root / "roots" / key)
        return Root(kept, tuple(packages))

    def _link_libraries(self, folder: Path) -> None:
        """Show libraries that lie in folders of their own where linkers and loaders look.

        Where several packages offer one library (`blas/libblas.so.3`), their scripts choose one
        by update-alternatives(1), and no script runs here.
        """
        libraries = folder / "usr" / "lib" / self._triplet
        for library in sorted(libraries.glob("*/lib*.so*")):
            link = libraries / library.name
            held = Path("/usr/lib", self._triplet, library.name)
            is_free = not link.is_symlink() and not link.exists() and not held.exists()
            if is_free and _LIBRARY.fullmatch(library.name):
                link.symlink_to(f"{library.parent.name}/{library.name}")

    # Running

    def _configured(self, sources: Path | None) -> str:
        text = CONFIGURATION.format(root=self.root)
        if sources is not None:
            text += f'Dir::Etc::sourcelist "{sources.absolute()}";\n'
            text += 'Dir::Etc::sourceparts "/dev/null";\n'
        return text

    def _apt(
        self,
        tool: str,
        *arguments: str,
        is_live: Callable[[], bool],
        seconds: float = COMMAND_SECONDS,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        return _run(
            [tool, "--config-file", str(self._configuration), *arguments],
            is_live=is_live,
            seconds=seconds,
            cwd=cwd,
        )

    @contextmanager
    def _locked(self, is_live: Callable[[], bool]) -> Iterator[None]:
        """One process at a time changes what is kept here."""
        with (self.root / "lock").open("w") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if not is_live():
                        raise LeaseGoneError from None
                    time.sleep(LOOK_SECONDS)
            yield


def _run(
    argv: Sequence[str],
    *,
    is_live: Callable[[], bool],
    seconds: float,
    cwd: Path | None = None,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
    stdout: IO[bytes] | int = subprocess.PIPE,
) -> subprocess.CompletedProcess[str]:
    """Run a program of the system to its end; raises `MirrorError` when that takes too long."""
    give_up_at = time.monotonic() + seconds
    with subprocess.Popen(
        argv,
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=_environment(),
        cwd=cwd,
        text=True,
        errors="replace",
        umask=0o022,
        process_group=0,
    ) as process:
        while True:
            try:
                out, errors = process.communicate(timeout=LOOK_SECONDS)
                return subprocess.CompletedProcess(argv, process.returncode, out, errors)
            except subprocess.TimeoutExpired:
                is_late = time.monotonic() > give_up_at
                if is_live() and not is_late:
                    continue
                os.killpg(process.pid, signal.SIGKILL)
                if is_late:
                    raise MirrorError(f"{argv[0]} took more than {seconds:.0f} s") from None
                raise LeaseGoneError from None


def _pipe(
    source: Sequence[str],
    sink: Sequence[str],
    *,
    is_live: Callable[[], bool],
    stdout: IO[bytes] | int = subprocess.PIPE,
    good: Iterable[int] = (0,),
) -> None:
    """Run two programs, the first one's output into the second; raises OSError where one fails."""
    with subprocess.Popen(source, stdout=subprocess.PIPE, env=_environment()) as reader:
        passed = cast("IO[bytes]", reader.stdout)
        with passed:
            ran = _run(sink, is_live=is_live, seconds=PIPE_SECONDS, stdin=passed, stdout=stdout)
    if reader.returncode != 0 or ran.returncode not in good:
        raise OSError(f"{' '.join(source)} could not be read: {ran.stderr}")


def _environment() -> dict[str, str]:
    passed = {name: os.environ[name] for name in PASSED if name in os.environ}
    return {"PATH": PATH, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", **passed}


def _unpack(deb: Path, folder: Path, is_live: Callable[[], bool], *, listing: Path) -> None:
    """Unpack with nobody's rights: no owners, no setuid, and through the links for merged folders.

    What was unpacked is listed in `listing`, a line for each.
    dpkg-deb --extract would put folders in the place of those links.
    """
    _pipe(
        ["dpkg-deb", "--fsys-tarfile", str(deb)],
        [
            *("tar", "--extract", "--keep-directory-symlink", "--no-same-owner"),
            *("--no-same-permissions", "--directory", str(folder)),
            *("--verbose", f"--index-file={listing}"),
        ],
        is_live=is_live,
    )


def _complaint(text: str) -> str:
    """The first thing that apt says is wrong."""
    lines = [line.strip() for line in text.splitlines() if line.startswith(("E:", "Err:"))]
    return (lines or text.strip().splitlines() or ["apt said nothing"])[0].removeprefix("E: ")


def _parts(file: str) -> tuple[str, str, str]:
    """Name, version and architecture in the name that apt gives a file.

    >>> _parts("passwd_1%3a4.13+dfsg1-1_amd64.deb")
    ('passwd', '1:4.13+dfsg1-1', 'amd64')
    """
    name, version, architecture = file.removesuffix(".deb").split("_")
    return name, unquote(version), architecture


def _specifier(name: str, version: str, architecture: str) -> str:
    suffix = "" if architecture == "all" else f":{architecture}"
    return f"{name}{suffix}={version}"


def _key(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, text: str) -> None:
    """Write a file that other processes read: whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(path)
