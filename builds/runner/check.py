"""Stage check: what a wheel says of itself, read without running a line of it.

The control side judges with the same functions, so this imports nothing that talks to a network.
Implements the binary distribution format (PEP 427, PEP 491), RECORD (PEP 376) and licence files
(PEP 639). Safe on hostile archives: names, counts, sizes and ratios are judged before a member
is opened, and no member is written anywhere.
"""

import base64
import configparser
import csv
import hashlib
import io
import re
import stat
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from math import prod
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, parse_tag
from packaging.utils import (
    BuildTag,
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from builds.domain.extensions import EXTENSION, extension_name, installed_parts
from builds.domain.limits import MEBIBYTE
from builds.domain.outcomes import Outcome
from builds.domain.runpaths import strays
from builds.domain.targets import Target
from builds.runner.elf import MAGIC, Elf, ElfError, ElfKind, read_elf
from builds.runner.problems import WheelProblem
from builds.runner.zips import verify_directory

CHUNK = 1 << 16
IN_MEMORY = 8 * MEBIBYTE
"""Of one member that is machine code; a larger one is read from a temporary file."""
UNHASHED = ("RECORD", "RECORD.jws", "RECORD.p7s")
HASHES = ("sha256", "sha384", "sha512")
SCHEMES = frozenset({"data", "headers", "platlib", "purelib", "scripts"})
"""Where installers put what `.data` holds (PEP 427)."""
LONGEST_PATH = 1000
"""Letters; and what is deeper than `DEEPEST` folders nobody unpacks, and recursion does not end."""
DEEPEST = 50
MOST_TAGS = 2000
LONGEST_REQUIRES_PYTHON = 255
ONLY_ONCE = ("Name", "Version", "Requires-Python")
"""Headers of METADATA that installers would read differently if there were several."""
FILENAME = re.compile(r"[A-Za-z0-9_.!+-]+")
SCRIPT = re.compile(r"\w[\w .+-]*")
"""A name of a script that stays in the folder of scripts."""
ABI_OF_FILE = re.compile(r"\.cpython-(?P<digits>\d+)(?P<threading>t?)[a-z]*(-|$)")
"""In the name of an extension module: the one interpreter that imports it (PEP 3149)."""
MODULE = re.compile(r"(?P<name>[^.]+)\.py")
SIDE_FOLDERS = frozenset(
    {"benchmark", "benchmarks", "doc", "docs", "example", "examples", "test", "tests"}
)
"""Top-level folders that are shipped by mistake more often than meant to be imported."""
LICENSE_FILES_SINCE = Version("2.4")


@dataclass(frozen=True, slots=True)
class WheelLimits:
    """How large a wheel may be. Sizes in bytes."""

    size: int = 1024 * MEBIBYTE
    members: int = 50_000
    unpacked: int = 4096 * MEBIBYTE
    ratio: int = 200
    """Unpacked to packed, of the whole; not asked of what unpacks to less than `ratio_from`."""
    ratio_from: int = 64 * MEBIBYTE
    document: int = 16 * MEBIBYTE
    """Of METADATA, WHEEL, RECORD and entry_points.txt, each."""


@dataclass(frozen=True, slots=True)
class WheelFacts:
    """What a well-formed wheel holds."""

    filename: str
    size: int
    sha256: str
    project: NormalizedName
    version: Version
    build: BuildTag
    tags: frozenset[Tag]
    dist_info: str
    is_purelib: bool
    requires_python: str
    requires_dist: tuple[str, ...]
    metadata: bytes
    members: tuple[str, ...]
    """Files, sorted."""
    modules: tuple[str, ...]
    """Names to import: top-level modules and packages, and packages in namespaces."""
    elf: Mapping[str, Elf]
    """Members that are machine code, sorted."""
    scripts: tuple[tuple[str, str], ...]
    """Scripts with and without a console: name and object reference."""
    licence_files: tuple[str, ...]

    @property
    def is_pure(self) -> bool:
        """Whether it says that it runs on any platform."""
        return all(tag.platform == "any" for tag in self.tags)

    @property
    def extensions(self) -> Mapping[str, tuple[str, ...]]:
        """Members that are extension modules, by the dotted name they are imported by."""
        found: dict[str, tuple[str, ...]] = {}
        for member, elf in self.elf.items():
            name = extension_name(member)
            if name is not None and elf.is_module:
                found[name] = (*found.get(name, ()), member)
        return found

    @property
    def programs(self) -> tuple[str, ...]:
        """Programs that the loader starts and users call, by their place below site-packages.

        Those among the scripts are "scripts/NAME". auditwheel moves such a program to a folder
        that is named for it, and leaves a script that starts it.
        """
        data = f"{self.dist_info.removesuffix('.dist-info')}.data/"
        places = (member.removeprefix(data) for member, elf in self.elf.items() if elf.has_loader)
        return tuple(
            place
            for place in places
            if place.startswith("scripts/") or place.partition("/")[0].endswith(".scripts")
        )


def read_wheel(path: Path, limits: WheelLimits | None = None) -> WheelFacts:
    """Read the wheel at `path`; raises `WheelProblem` unless every part of it holds together."""
    limits = limits or WheelLimits()
    filename = path.name
    try:
        project, version, build, tags = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise _malformed("its filename is not a wheel's", filename) from error
    if not FILENAME.fullmatch(filename):
        raise _malformed("its filename holds a character that filenames do not", repr(filename))
    size = path.stat().st_size
    if size > limits.size:
        raise _malformed(f"it is larger than {limits.size} bytes", f"{size} bytes")
    try:
        with path.open("rb") as file:
            verify_directory(file, limits.members)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, size, limits)
            dist_info = _dist_info(members, project, version)
            documents = {
                name: _document(archive, members, f"{dist_info}/{name}", limits)
                for name in ("WHEEL", "METADATA", "RECORD", "entry_points.txt")
            }
            record = _record(documents["RECORD"], dist_info, members)
            elf = _verify_contents(archive, members, record)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise _malformed("it is not a sound zip archive", str(error)) from error
    wheel = _headers(_present(documents["WHEEL"], "WHEEL"))
    is_purelib = _verify_wheel(wheel, tags, build)
    raw_metadata = _present(documents["METADATA"], "METADATA")
    metadata = _headers(raw_metadata)
    _verify_identity(metadata, project, version)
    _verify_data(members, dist_info, project)
    files = tuple(sorted(members))
    return WheelFacts(
        filename=filename,
        size=size,
        sha256=sha256,
        project=project,
        version=version,
        build=build,
        tags=tags,
        dist_info=dist_info,
        is_purelib=is_purelib,
        requires_python=_requires_python(metadata),
        requires_dist=tuple(str(value) for value in metadata.get_all("Requires-Dist", [])),
        metadata=raw_metadata,
        members=files,
        modules=importable(files, dist_info),
        elf=dict(sorted(elf.items())),
        scripts=_scripts(documents["entry_points.txt"]),
        licence_files=_licence_files(metadata, dist_info, members),
    )


def check_wheel(
    facts: WheelFacts, *, project: NormalizedName, version: Version, target: Target
) -> None:
    """Whether the wheel is what the build was for; raises `WheelProblem` when it is not."""
    if facts.project != project or facts.version != version:
        raise WheelProblem(
            Outcome.WHEEL_OTHER_PROJECT,
            f"The build of {project} {version} gave a wheel of {facts.project} {facts.version}. "
            "The project's build backend decides that: its turn.",
            facts.filename,
        )
    if facts.elf and any(tag.platform == "any" for tag in facts.tags):
        raise WheelProblem(
            Outcome.WHEEL_MALFORMED,
            f"The wheel of {project} {version} says it runs on any platform, but holds machine "
            "code for one. The project must say that it has extensions.",
            next(iter(facts.elf)),
        )
    platforms = {"any"} | {tag.platform for tag in target.tags}
    if strange := sorted({tag.platform for tag in facts.tags} - platforms):
        raise WheelProblem(
            Outcome.WHEEL_OTHER_TARGET,
            f"The wheel of {project} {version} was built for {target.name}, and says it is for "
            "another platform as well, where nobody tried it.",
            ", ".join(strange),
        )
    if facts.tags.isdisjoint(target.tags):
        raise WheelProblem(
            Outcome.WHEEL_OTHER_TARGET,
            f"The wheel of {project} {version} cannot be installed on {target.name}, which it "
            "was built for.",
            facts.filename,
        )
    if not SpecifierSet(facts.requires_python).contains(target.full_python_version):
        raise WheelProblem(
            Outcome.WHEEL_OTHER_TARGET,
            f"The wheel of {project} {version} asks for Python {facts.requires_python}, so it "
            f"cannot be installed on {target.name}.",
            f"Requires-Python: {facts.requires_python}",
        )
    _check_machine_code(facts, release=f"{project} {version}", target=target)


def _check_machine_code(facts: WheelFacts, *, release: str, target: Target) -> None:
    """Whether what the wheel's machine code says of itself is what its tags say."""
    machine = target.platform.partition("_")[2]
    for member, elf in facts.elf.items():
        if elf.kind is not ElfKind.OTHER and not machine.endswith(f"_{elf.machine or 'none'}"):
            raise WheelProblem(
                Outcome.WHEEL_OTHER_TARGET,
                f"The wheel of {release} was built for {target.name}, and holds machine code for "
                "another kind of machine. The project's build decides that: its turn.",
                f"{member}: machine code for {elf.machine or 'a machine that is no target'}",
            )
        if out := strays(elf.runpath, place_of(member)):
            raise WheelProblem(
                Outcome.WHEEL_MALFORMED,
                f"A library in the wheel of {release} looks for others outside the wheel, where "
                "each machine has something else.",
                f"{member}: RUNPATH {':'.join(out)!r}",
            )
    for name, members in facts.extensions.items():
        if not any(_is_for(member, target) for member in members):
            raise WheelProblem(
                Outcome.WHEEL_OTHER_TARGET,
                f"The wheel of {release} was built for {target.name}, and holds the extension "
                f"{name} for another Python.",
                members[0],
            )
        if bound := [member for member in members if _is_bound(member, facts.tags)]:
            raise WheelProblem(
                Outcome.WHEEL_MALFORMED,
                f"The wheel of {release} says that any Python can use it, and holds the extension "
                f"{name}, which only the one it was built with can.",
                f"{bound[0]} in a wheel of {', '.join(sorted(map(str, facts.tags))[:5])}",
            )


def _is_for(member: str, target: Target) -> bool:
    """Whether the target's interpreter imports an extension module of that name."""
    abi = ABI_OF_FILE.search(member)
    return abi is None or f"cp{abi['digits']}{abi['threading']}" == target.abi.rstrip("m")


def _is_bound(member: str, tags: AbstractSet[Tag]) -> bool:
    """Whether an extension module is for one interpreter, in a wheel that says it is for more."""
    abis = {tag.abi for tag in tags}
    is_named = ABI_OF_FILE.search(member) is not None
    return (is_named and "abi3" in abis) or (".abi3." not in member and "none" in abis)


def place_of(member: str) -> list[str]:
    """Folders from where a member's scheme is installed down to the member (PEP 427)."""
    parts = member.split("/")
    return parts[2:-1] if parts[0].endswith(".data") else parts[:-1]


def importable(files: Iterable[str], dist_info: str = "") -> tuple[str, ...]:
    """Name what importing a wheel's files should work for, sorted.

    A folder without `__init__` is a namespace (PEP 420): the packages and extension modules in
    it count, as dotted names.

    >>> importable(["pkg/__init__.py", "pkg/x.py", "_speed.cpython-312-x86_64-linux-gnu.so"])
    ('_speed', 'pkg')
    >>> importable(["ns/data.py", "ns/part/__init__.py", "one.py", "tests/__init__.py"])
    ('ns.part', 'one')
    >>> importable(["ns/one.py"])
    ('ns.one',)
    """
    tree = _Folder()
    for name in files:
        parts = installed_parts(name, dist_info)
        if parts:
            tree.add(parts)
    for accepts_scripts in (False, True):
        names = sorted(tree.names("", accepts_scripts=accepts_scripts))
        meant = [name for name in names if name.partition(".")[0] not in SIDE_FOLDERS]
        if meant or names:
            return tuple(meant or names)
    return ()


class _Folder:
    """A folder of a wheel as the import system sees it."""

    __slots__ = ("folders", "modules", "scripts")

    def __init__(self) -> None:
        self.folders: defaultdict[str, _Folder] = defaultdict(_Folder)
        self.modules: set[str] = set()
        self.scripts: set[str] = set()

    def add(self, parts: list[str]) -> None:
        folder = self
        for part in parts[:-1]:
            folder = folder.folders[part]
        if match := EXTENSION.fullmatch(parts[-1]):
            folder.modules.add(match["name"])
        elif match := MODULE.fullmatch(parts[-1]):
            folder.scripts.add(match["name"])

    def names(self, prefix: str, *, accepts_scripts: bool) -> set[str]:
        """Dotted names; plain modules below the top only when `accepts_scripts`."""
        found = set(self.modules)
        if accepts_scripts or not prefix:
            found |= self.scripts
        found = {name for name in found if name.isidentifier() and name != "__main__"}
        names = {prefix + name for name in found}
        for name, folder in self.folders.items():
            if not name.isidentifier() or name in found:
                continue
            if "__init__" in folder.scripts | folder.modules:
                names.add(prefix + name)
            else:
                names |= folder.names(f"{prefix}{name}.", accepts_scripts=accepts_scripts)
        return names


def _malformed(what: str, evidence: str) -> WheelProblem:
    return WheelProblem(
        Outcome.WHEEL_MALFORMED,
        f"The build gave a wheel that breaks the format: {what}. The project's build backend "
        "made it: its turn.",
        evidence,
    )


def _members(
    archive: zipfile.ZipFile, size: int, limits: WheelLimits
) -> Mapping[str, zipfile.ZipInfo]:
    """Return the files of the archive by name; their names and sizes are bearable."""
    infos = archive.infolist()
    if len(infos) > limits.members:
        raise _malformed(f"it has more than {limits.members} members", f"{len(infos)} members")
    unpacked = sum(info.file_size for info in infos)
    if unpacked > limits.unpacked:
        raise _malformed(f"it unpacks to more than {limits.unpacked} bytes", f"{unpacked} bytes")
    if unpacked > limits.ratio_from and unpacked > limits.ratio * size:
        raise _malformed(
            f"it unpacks to more than {limits.ratio} times its size", f"{unpacked} bytes"
        )
    if infos and min(info.header_offset for info in infos) > 0:
        raise _malformed("something stands before the archive", archive.filename or "")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        _verify_member(info)
        name = info.filename.removesuffix("/")
        if name in members:
            raise _malformed("it holds one name twice", name)
        members[name] = info
    files = {name: info for name, info in members.items() if not info.is_dir()}
    for name in files:
        parents = name.split("/")[:-1]
        for depth in range(1, len(parents) + 1):
            if (parent := "/".join(parents[:depth])) in files:
                raise _malformed("a file stands where a folder must be", parent)
    return files


def _verify_member(info: zipfile.ZipInfo) -> None:
    name = info.orig_filename
    parts = name.removesuffix("/").split("/")
    mode = info.external_attr >> 16
    if name != info.filename or "\\" in name or any(ord(letter) < ord(" ") for letter in name):
        raise _malformed("a member's name holds a character that paths do not", repr(name))
    if len(name) > LONGEST_PATH or len(parts) > DEEPEST:
        raise _malformed("a member's path is too long", name[:LONGEST_PATH])
    if any(part in {"", ".", ".."} for part in parts) or ":" in parts[0]:
        raise _malformed("a member's path leaves the wheel", name)
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise _malformed("a member is a link or a device", name)
    if info.flag_bits & 0x1:
        raise _malformed("a member is encrypted", name)
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise _malformed("a member is packed in a way that wheels are not", name)


def _dist_info(
    members: Mapping[str, zipfile.ZipInfo], project: NormalizedName, version: Version
) -> str:
    tops = {name.split("/")[0] for name in members}
    # In whatever case: there are file systems on which it is one folder.
    folders = sorted(top for top in tops if top.lower().endswith(".dist-info"))
    if len(folders) != 1:
        raise _malformed("it must hold exactly one .dist-info folder", ", ".join(folders) or "none")
    name, _, folder_version = folders[0].removesuffix(".dist-info").rpartition("-")
    try:
        is_ours = canonicalize_name(name) == project and Version(folder_version) == version
    except InvalidVersion:
        is_ours = False
    if not is_ours:
        raise _malformed("its .dist-info folder is named otherwise than the wheel", folders[0])
    data = {top for top in tops if top.lower().endswith(".data")}
    if not data <= {folders[0].removesuffix(".dist-info") + ".data"}:
        raise _malformed("its .data folder is named otherwise than the wheel", min(data))
    return folders[0]


def _document(
    archive: zipfile.ZipFile,
    members: Mapping[str, zipfile.ZipInfo],
    name: str,
    limits: WheelLimits,
) -> bytes | None:
    info = members.get(name)
    if info is None:
        return None
    if info.file_size > limits.document:
        raise _malformed(f"a document of it is larger than {limits.document} bytes", name)
    return archive.read(info)


def _present(document: bytes | None, name: str) -> bytes:
    if document is None:
        raise _malformed(f"it has no {name}", name)
    return document


def _headers(document: bytes) -> Message:
    return BytesParser(policy=compat32).parsebytes(document)


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A row of RECORD. `algorithm` is empty for what cannot be hashed: RECORD itself."""

    name: str
    algorithm: str
    digest: str
    size: str


def _record(
    document: bytes | None, dist_info: str, members: Mapping[str, zipfile.ZipInfo]
) -> tuple[_Recorded, ...]:
    """RECORD, once it is known to name each member once and nothing else."""
    text = _present(document, "RECORD").decode("utf-8", "surrogateescape")
    unhashed = {f"{dist_info}/{name}" for name in UNHASHED}
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error as error:
        raise _malformed("its RECORD is not a table", str(error)) from error
    recorded: dict[str, _Recorded] = {}
    for row in rows:
        entry = _recorded(row, unhashed)
        if entry.name in recorded:
            raise _malformed("its RECORD names a file twice", entry.name)
        if entry.name not in members:
            raise _malformed("its RECORD names a file that it does not hold", entry.name)
        recorded[entry.name] = entry
    if missing := members.keys() - recorded.keys() - unhashed:
        raise _malformed("it holds a file that its RECORD does not name", min(missing))
    return tuple(recorded.values())


def _recorded(row: list[str], unhashed: AbstractSet[str]) -> _Recorded:
    if len(row) != len(("path", "hash", "size")):
        raise _malformed("a row of its RECORD has not three fields", ",".join(row))
    name, digest, size = row
    algorithm, _, value = digest.partition("=")
    if algorithm not in HASHES and not (name in unhashed and not digest):
        raise _malformed("its RECORD gives no hash that is good enough", name)
    return _Recorded(name, algorithm, value.rstrip("="), size)


def _verify_contents(
    archive: zipfile.ZipFile,
    members: Mapping[str, zipfile.ZipInfo],
    record: tuple[_Recorded, ...],
) -> dict[str, Elf]:
    """Read every member against RECORD; returns those that are ELF."""
    elf: dict[str, Elf] = {}
    for entry in record:
        hasher = hashlib.new(entry.algorithm or "sha256")
        with archive.open(members[entry.name]) as file, SpooledTemporaryFile(IN_MEMORY) as kept:
            chunk = file.read(CHUNK)
            is_elf = chunk.startswith(MAGIC)
            while chunk:
                hasher.update(chunk)
                if is_elf:
                    kept.write(chunk)
                chunk = file.read(CHUNK)
            if is_elf:
                elf[entry.name] = _machine_code(cast("BinaryIO", kept), entry.name)
        digest = base64.urlsafe_b64encode(hasher.digest()).rstrip(b"=").decode()
        if entry.algorithm and digest != entry.digest:
            raise _malformed("a file does not have the hash that its RECORD gives", entry.name)
        if entry.size and entry.size != str(members[entry.name].file_size):
            raise _malformed("a file does not have the size that its RECORD gives", entry.name)
    return elf


def _machine_code(file: BinaryIO, name: str) -> Elf:
    try:
        return read_elf(file)
    except ElfError as error:
        raise _malformed("machine code in it cannot be read", f"{name}: {error}") from error


def _verify_wheel(wheel: Message, tags: frozenset[Tag], build: BuildTag) -> bool:
    """Whether it is to be unpacked into purelib; its WHEEL file must repeat the filename."""
    wheel_version = str(wheel.get("Wheel-Version", ""))
    if wheel_version.partition(".")[0] != "1":
        raise _malformed("its Wheel-Version is not 1", f"Wheel-Version: {wheel_version}")
    said: set[Tag] = set()
    values = [str(value) for value in wheel.get_all("Tag", [])]
    # A line of a few kilobytes can stand for more tags than memory holds.
    if sum(_count_tags(value) for value in values) > MOST_TAGS:
        raise _malformed("its WHEEL names too many tags", f"Tag: {max(values, key=len)[:200]}")
    for value in values:
        try:
            said |= parse_tag(value)
        except ValueError as error:
            raise _malformed("a tag in its WHEEL is none", f"Tag: {value}") from error
    if said != tags:
        raise _malformed(
            "its WHEEL names other tags than its filename",
            ", ".join(sorted(map(str, said))) or "no tag",
        )
    said_build = str(wheel.get("Build", ""))
    if said_build != "".join(map(str, build)):
        raise _malformed("its WHEEL names another build than its filename", f"Build: {said_build}")
    return str(wheel.get("Root-Is-Purelib", "")).lower() == "true"


def _count_tags(value: str) -> int:
    return prod(part.count(".") + 1 for part in value.split("-"))


def _verify_data(
    members: Mapping[str, zipfile.ZipInfo], dist_info: str, project: NormalizedName
) -> None:
    """What lands beside the project's own files must not speak for another distribution."""
    data = dist_info.removesuffix(".dist-info") + ".data"
    for name in members:
        parts = name.split("/")
        if parts[0] == data and (len(parts) <= len(("data", "scheme")) or parts[1] not in SCHEMES):
            raise _malformed("its .data folder holds what installers have no place for", name)
        top = next(iter(installed_parts(name, dist_info)), "").lower()
        if top.endswith(".dist-info") or (
            top.endswith((".egg-info", ".egg-link"))
            and canonicalize_name(top.rpartition(".")[0].partition("-")[0]) != project
        ):
            raise _malformed("it describes another distribution than itself", name)


def _verify_identity(metadata: Message, project: NormalizedName, version: Version) -> None:
    for header in ONLY_ONCE:
        if len(said := metadata.get_all(header, [])) > 1:
            raise _malformed(f"its METADATA gives {header} twice", ", ".join(map(str, said))[:200])
    name, said_version = str(metadata.get("Name", "")), str(metadata.get("Version", ""))
    try:
        is_same = canonicalize_name(name) == project and Version(said_version) == version
    except InvalidVersion:
        is_same = False
    if not is_same:
        raise _malformed(
            "its METADATA names another release than its filename", f"{name} {said_version}"
        )


def _requires_python(metadata: Message) -> str:
    value = str(metadata.get("Requires-Python", "")).strip()
    if len(value) > LONGEST_REQUIRES_PYTHON or not value.isprintable():
        raise _malformed("its Requires-Python is not one", f"Requires-Python: {value[:200]!r}")
    try:
        SpecifierSet(value)
    except InvalidSpecifier as error:
        raise _malformed("its Requires-Python is not one", f"Requires-Python: {value}") from error
    return value


def _scripts(document: bytes | None) -> tuple[tuple[str, str], ...]:
    if document is None:
        return ()
    parser = configparser.RawConfigParser(delimiters=("=",), strict=False)
    # Names of scripts keep their case.
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    try:
        parser.read_string(document.decode())
        found = parser.items("console_scripts") if "console_scripts" in parser else []
        windowed = parser.items("gui_scripts") if "gui_scripts" in parser else []
    except (configparser.Error, UnicodeDecodeError) as error:
        raise _malformed("its entry_points.txt cannot be read", str(error)) from error
    scripts = (*found, *windowed)
    for name, _ in scripts:
        if not SCRIPT.fullmatch(name):
            raise _malformed("a script of it has a name that leaves its folder", repr(name)[:200])
    return scripts


def _licence_files(
    metadata: Message, dist_info: str, members: Mapping[str, zipfile.ZipInfo]
) -> tuple[str, ...]:
    found: list[str] = []
    for value in metadata.get_all("License-File", []):
        places = (f"{dist_info}/licenses/{value}", f"{dist_info}/{value}")
        place = next((place for place in places if place in members), None)
        if place:
            found.append(place)
        elif _at_least(metadata, LICENSE_FILES_SINCE):
            raise _malformed("it names a licence file that it does not hold", str(value))
    return tuple(found)


def _at_least(metadata: Message, version: Version) -> bool:
    try:
        return Version(str(metadata.get("Metadata-Version", "1.0"))) >= version
    except InvalidVersion:
        return False
