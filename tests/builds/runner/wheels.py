"""Wheels made to measure, sound unless told otherwise."""

import base64
import hashlib
import platform
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

MACHINES = {"x86_64": 62, "aarch64": 183}
"""As ELF numbers them."""
ELF = (
    b"\x7fELF\x02\x01\x01"
    + bytes(9)
    + struct.pack(
        "<HHIQQQIHHHHHH", 3, MACHINES[platform.machine()], 1, 0, 0, 0, 0, 64, 56, 0, 0, 0, 0
    )
)
"""A shared library that holds nothing."""


def digest_of(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"sha256={digest}"


def wheel_files(
    name: str = "demo",
    version: str = "1.0",
    tag: str = "py3-none-any",
    files: Mapping[str, bytes] | None = None,
    metadata: str = "",
) -> dict[str, bytes]:
    """What a sound wheel holds, RECORD included, ready to be spoilt."""
    dist_info = f"{name}-{version}.dist-info"
    held = dict({"demo/__init__.py": b""} if files is None else files)
    held[f"{dist_info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}\n"
    ).encode()
    held[f"{dist_info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: {tag}\n"
    ).encode()
    return held | {f"{dist_info}/RECORD": record_of(held, f"{dist_info}/RECORD")}


def record_of(files: Mapping[str, bytes], record: str) -> bytes:
    rows = [f"{name},{digest_of(content)},{len(content)}" for name, content in files.items()]
    return "\n".join([*rows, f"{record},,", ""]).encode()


def pack(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def make_wheel(
    folder: Path,
    *,
    name: str = "demo",
    version: str = "1.0",
    tag: str = "py3-none-any",
    files: Mapping[str, bytes] | None = None,
    metadata: str = "",
) -> Path:
    held = wheel_files(name, version, tag, files, metadata)
    return pack(folder / f"{name}-{version}-{tag}.whl", held)


def linked(
    *, machine: int | None = None, kind: int = 3, runpath: str = "", symbol: str = "PyInit_demo"
) -> bytes:
    """An ELF file with a dynamic section: what it looks in for others, and one name."""
    names = f"\0{symbol}\0{runpath}\0".encode()
    start, tags = 64 + 2 * 56, [(5, 0), (10, len(names))]
    if runpath:
        tags.append((29, len(symbol) + 2))
    size = 16 * (len(tags) + 1)
    tags[0] = (5, start + size)
    section = b"".join(struct.pack("<qQ", *tag) for tag in [*tags, (0, 0)])
    whole = start + size + len(names)
    numbers = (kind, machine or MACHINES[platform.machine()], 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", *numbers)
    load = struct.pack("<IIQQQQQQ", 1, 4, 0, 0, 0, whole, whole, 4096)
    dynamic = struct.pack("<IIQQQQQQ", 2, 4, start, start, start, size, size, 8)
    return header + load + dynamic + section + names
