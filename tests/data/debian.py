"""A small archive of Debian packages, made on the spot, for apt to read from a folder."""

import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

TRIPLET = f"{platform.machine()}-linux-gnu"
MTIME = 1_500_000_000


@dataclass(frozen=True)
class Deb:
    """A package: paths to their texts (`-> target` for a link, a path for a copy of a file)."""

    name: str
    files: Mapping[str, str | Path]
    version: str = "1.0-1"
    depends: str = ""
    postinst: str = ""
    modes: Mapping[str, int] = field(default_factory=dict)

    @property
    def control(self) -> str:
        depends = f"Depends: {self.depends}\n" if self.depends else ""
        return (
            f"Package: {self.name}\nVersion: {self.version}\nArchitecture: {architecture()}\n"
            f"Maintainer: The Tests <tests@affineur.example>\n{depends}"
            f"Description: {self.name}\n"
        )


def architecture() -> str:
    told = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    )
    return told.stdout.strip()


class Archive:
    """An archive in `folder`, with the index of files; `sources` is for apt to read it."""

    def __init__(self, folder: Path, *debs: Deb, options: str = "[trusted=yes] ") -> None:
        self.folder = folder
        self.pool = folder / "pool"
        self.pool.mkdir(parents=True)
        self.dist = folder / "dists" / "tests"
        (self.dist / "main" / f"binary-{architecture()}").mkdir(parents=True)
        self._debs: dict[str, Deb] = {}
        self.sources = folder / "sources.list"
        self.sources.write_text(f"deb {options}file:{folder} tests main\n")
        self.publish(*debs)

    def publish(self, *debs: Deb) -> None:
        """Add packages; of one name, the last stays."""
        for deb in debs:
            if old := self._debs.get(deb.name):
                self.path_of(old).unlink()
            self._debs[deb.name] = deb
            self._build(deb)
        indices = {
            f"main/binary-{architecture()}/Packages": "".join(
                map(self._stanza, self._debs.values())
            ).encode(),
            f"main/Contents-{architecture()}": self._contents().encode(),
        }
        sums = ""
        for name, content in indices.items():
            (self.dist / name).write_bytes(content)
            sums += f" {hashlib.sha256(content).hexdigest()} {len(content)} {name}\n"
        (self.dist / "Release").write_text(
            f"Origin: Tests\nSuite: tests\nCodename: tests\n"
            f"Architectures: {architecture()}\nComponents: main\n"
            f"Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n{sums}"
        )

    def path_of(self, deb: Deb) -> Path:
        return self.pool / f"{deb.name}_{deb.version}_{architecture()}.deb"

    def _build(self, deb: Deb) -> None:
        tree = self.folder / "tree"
        (tree / "DEBIAN").mkdir(parents=True, mode=0o755)
        (tree / "DEBIAN" / "control").write_text(deb.control)
        if deb.postinst:
            script = tree / "DEBIAN" / "postinst"
            script.write_text(f"#!/bin/sh\n{deb.postinst}\n")
            script.chmod(0o755)
        for name, content in deb.files.items():
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                shutil.copyfile(content, path)
            elif content.startswith("-> "):
                path.symlink_to(content.removeprefix("-> "))
            else:
                path.write_text(content)
            if name in deb.modes:
                path.chmod(deb.modes[name])
        subprocess.run(
            ["dpkg-deb", "--build", "--root-owner-group", tree, self.path_of(deb)],
            env={**os.environ, "SOURCE_DATE_EPOCH": str(MTIME)},
            capture_output=True,
            check=True,
        )
        shutil.rmtree(tree)

    def _stanza(self, deb: Deb) -> str:
        path = self.path_of(deb)
        content = path.read_bytes()
        return (
            f"{deb.control}Filename: pool/{path.name}\nSize: {len(content)}\n"
            f"SHA256: {hashlib.sha256(content).hexdigest()}\n\n"
        )

    def _contents(self) -> str:
        owners: dict[str, list[str]] = {}
        for deb in self._debs.values():
            for path in deb.files:
                owners.setdefault(path, []).append(f"libdevel/{deb.name}")
        return "".join(f"{path:<55} {','.join(owners[path])}\n" for path in sorted(owners))
