"""What was grafted into a wheel, as its software bill of materials (PEP 770). Pure.

The licences of grafted libraries travel inside the document, as CycloneDX provides for:
`.dist-info/licenses` is for the files that the project's own METADATA names (PEP 639), and what
a project says of itself is not ours to change; `.dist-info/sboms` is for such documents alone.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

SBOM = "sboms/affineur.cdx.json"
"""Where it stands, below `.dist-info`."""

_LICENCE = re.compile(r"^License: *(\S.*?) *$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Licence:
    """A text of a licence, or of the notes that say which parts are under which."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Origin:
    """A package of a distribution's that a library comes from."""

    name: str
    version: str
    architecture: str
    distribution: str
    """As in package URLs: `debian`."""
    licences: tuple[Licence, ...] = ()

    @property
    def purl(self) -> str:
        """Its package URL.

        >>> Origin("zlib1g", "1:1.2.13", "amd64", "debian").purl
        'pkg:deb/debian/zlib1g@1%3A1.2.13?arch=amd64'
        """
        parts = (quote(part, safe="") for part in (self.distribution, self.name, self.version))
        distribution, name, version = parts
        return f"pkg:deb/{distribution}/{name}@{version}?arch={quote(self.architecture, safe='')}"

    @property
    def licence_names(self) -> tuple[str, ...]:
        """What its copyright file calls them, where it follows Debian's DEP-5; sorted.

        >>> notes = Licence("copyright", "License: Zlib")
        >>> Origin("a", "1", "all", "debian", (notes,)).licence_names
        ('Zlib',)
        """
        found = {name for licence in self.licences for name in _LICENCE.findall(licence.text)}
        return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class Grafted:
    """A library that repair copied into a wheel."""

    member: str
    soname: str
    """What it is called where it comes from."""
    package: Origin | None
    """The one it comes from; None if none is known to have it."""

    def to_json(self) -> dict[str, Any]:
        package = self.package
        return {
            "name": self.member,
            "soname": self.soname,
            "package": package.name if package else "",
            "version": package.version if package else "",
            "licences": list(package.licence_names) if package else [],
        }


def sbom_document(*, project: str, version: str, grafted: Iterable[Grafted]) -> bytes:
    """Return the CycloneDX document (1.6, ECMA-424): the same bytes for the same libraries."""
    libraries = sorted(grafted, key=lambda library: library.member)
    own = f"pkg:pypi/{quote(project, safe='')}@{quote(version, safe='')}"
    components = [_component(library) for library in libraries]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": own,
                "name": project,
                "version": version,
                "purl": own,
            }
        },
        "components": components,
        "dependencies": [
            {"ref": own, "dependsOn": [component["bom-ref"] for component in components]},
            *({"ref": component["bom-ref"]} for component in components),
        ],
    }
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _component(library: Grafted) -> dict[str, Any]:
    package = library.package
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": f"{package.purl if package else 'unknown'}#{library.member}",
        "name": package.name if package else library.soname,
        "properties": [
            {"name": "affineur:member", "value": library.member},
            {"name": "affineur:soname", "value": library.soname},
        ],
    }
    if package is not None:
        names = [{"license": {"name": name}} for name in package.licence_names]
        texts = [
            {
                "license": {
                    "name": licence.name,
                    "text": {"contentType": "text/plain", "content": licence.text},
                }
            }
            for licence in package.licences
        ]
        component |= {"version": package.version, "purl": package.purl}
        component |= {"licenses": [*names, *texts]} if texts else {}
    return component
