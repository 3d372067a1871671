"""pip and uv, as a user would run them: nothing cached, nothing configured, into a folder."""

import os
import subprocess
import sys
from pathlib import Path


def run(command, cwd=None, **environment):
    """In an environment with nothing in it of ours but what is given."""
    given = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment}
    return subprocess.run(
        list(map(str, command)), env=given, capture_output=True, text=True, check=False, cwd=cwd
    )


def pip(index, folder, *arguments):
    command = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check"]
    options = ["--no-cache-dir", "--only-binary=:all:", f"--index-url={index}"]
    return run([*command, "install", *options, f"--target={folder}", *arguments])


def uv(index, folder, *arguments):
    program = Path(sys.executable).with_name("uv")
    options = ["--no-config", "--no-cache", "--only-binary=:all:", f"--index-url={index}"]
    into = [f"--target={folder}", f"--python={sys.executable}"]
    return run([program, "pip", "install", *options, *into, *arguments])


INSTALLERS = {"pip": pip, "uv": uv}
