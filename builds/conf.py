"""A builder's configuration, read from its own environment: it has no Django settings."""

import os
import platform
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from builds.domain.limits import MEBIBYTE
from builds.domain.targets import parse_target
from builds.domain.ways import HOST

ENGINES = frozenset({"", "docker", "podman"})
_EXACT_IMAGE = re.compile(
    r"localhost/[\w./:-]+|[\w./:-]+@sha256:[0-9a-f]{64}|(sha256:)?[0-9a-f]{64}", re.ASCII
)


class InvalidConfiguration(ValueError):
    """What an operator told a builder makes no sense; the message says what would."""


@dataclass(frozen=True, slots=True)
class BuilderConfig:
    """What an operator tells a builder."""

    broker: str
    """AFFINEUR_BROKER: URL of the broker that jobs come from and events go to."""
    root: Path
    """AFFINEUR_BUILDER_ROOT: folder for slots, work and caches; the builder owns all of it."""
    interpreters: tuple[str, ...]
    """AFFINEUR_INTERPRETERS: paths or globs of Python interpreters, separated by spaces."""
    slots: int
    """AFFINEUR_BUILDER_SLOTS: builds at once."""
    slot_uid: int
    """AFFINEUR_SLOT_UID: first of the uids that slots run as, when the builder is root.

    Everything that runs as one of them is ended when its slot is cleaned, so no two builders of
    a machine may share one: the default is far from people's uids and follows from `root`.
    """
    name: str
    """AFFINEUR_BUILDER_NAME: told in provenance and to operators."""
    smoke_interpreters: tuple[str, ...] = ()
    """AFFINEUR_SMOKE_INTERPRETERS: paths or globs of interpreters like those that users have, as
    portable builds of CPython are. Wheels are tried on them; on the build's own where none is the
    target's."""
    contact: str = ""
    """AFFINEUR_CONTACT: sent upstream, so that its operators know whom to write to."""
    cache: int = 4096 * MEBIBYTE
    """AFFINEUR_BUILDER_CACHE: bytes of downloaded files that are kept for later builds."""
    system: str = ""
    """AFFINEUR_SYSTEM_PACKAGES: where packages of the distribution come from that builds need.

    Empty for the machine's own sources, where it has apt; a file as in sources.list(5) for
    others; `none` for no packages.
    """
    toolchain: str = HOST
    """AFFINEUR_TOOLCHAIN: the farm's choice; with "portable", zig gets ready at the start already,
    and not when the first job asks for it."""
    zig: str = ""
    """AFFINEUR_ZIG: folder of zig, when it is not that of the package `ziglang`."""
    containers: str = ""
    """AFFINEUR_CONTAINERS: podman or docker, to build in images; empty for the sandbox alone."""
    images: Mapping[str, str] = field(default_factory=dict)
    """AFFINEUR_IMAGES: `PLATFORM=IMAGE` each, separated by commas; see `parse_images`."""


def _slot_uid_for(root: Path) -> int:
    return 1_000_000_000 + zlib.crc32(bytes(root)) % 10_000_000 * 64


def builder_config(environment: Mapping[str, str] = os.environ) -> BuilderConfig:
    root = Path(environment.get("AFFINEUR_BUILDER_ROOT", "var/builder")).absolute()
    engine = environment.get("AFFINEUR_CONTAINERS", "")
    images = environment.get("AFFINEUR_IMAGES", "")
    if engine not in ENGINES or bool(engine) != bool(images):
        raise InvalidConfiguration(
            "AFFINEUR_CONTAINERS is podman or docker where AFFINEUR_IMAGES names images, and "
            f"empty elsewhere; it is {engine!r}, and the images are {images!r}."
        )
    return BuilderConfig(
        broker=environment.get("AFFINEUR_BROKER", ""),
        root=root,
        interpreters=tuple(environment.get("AFFINEUR_INTERPRETERS", "").split()),
        slots=int(environment.get("AFFINEUR_BUILDER_SLOTS", "1")),
        slot_uid=int(environment.get("AFFINEUR_SLOT_UID") or _slot_uid_for(root)),
        name=environment.get("AFFINEUR_BUILDER_NAME", os.uname().nodename),
        smoke_interpreters=tuple(environment.get("AFFINEUR_SMOKE_INTERPRETERS", "").split()),
        contact=environment.get("AFFINEUR_CONTACT", ""),
        cache=int(environment.get("AFFINEUR_BUILDER_CACHE", str(4096 * MEBIBYTE))),
        system=environment.get("AFFINEUR_SYSTEM_PACKAGES", ""),
        toolchain=environment.get("AFFINEUR_TOOLCHAIN", HOST),
        zig=environment.get("AFFINEUR_ZIG", ""),
        containers=engine,
        images=parse_images(images),
    )


def parse_images(text: str) -> dict[str, str]:
    """The image to build in, by the platform of a target; raises `InvalidConfiguration`.

    An image is named by its digest, so that a build says what it was made in and the same one
    is used tomorrow; one of this machine's own by its id, or below `localhost/`.
    """
    images = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _, image = item.partition("=")
        parse_target(f"cp312-{name}")
        if not name.endswith(f"_{platform.machine()}"):
            raise InvalidConfiguration(
                f"AFFINEUR_IMAGES names {name}, and this machine is {platform.machine()}: "
                "run its builder on a machine that can."
            )
        if not _EXACT_IMAGE.fullmatch(image):
            raise InvalidConfiguration(
                f"AFFINEUR_IMAGES says {image!r} for {name}, which may be another image tomorrow: "
                "name it by its digest, as in NAME@sha256:…, or a local one as localhost/NAME."
            )
        images[name] = image
    return images
