"""Recipes: reviewed facts that a project's builds need and its sources do not say.

A recipe is TOML. What stands at its top goes for every release and target; a `[[when]]` table
adds to that for the releases and targets that it names. `builds/recipes/README.md` describes
every field.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version

from builds.domain.keys import NO_RECIPE
from builds.domain.planning import InvalidSpecifiers, parse_specifiers
from builds.domain.ways import HOST, Way
from builds.errors import BuildsError

SCHEMA = 1
MAX_TEXT = 20_000
"""Letters of a recipe."""
MAX_ITEMS = 50
"""Values of one field, and `[[when]]` tables."""
MAX_VALUE = 500
"""Letters of one value."""
MAX_VERSION = 1_000_000


class RecipeInvalid(BuildsError):
    """A recipe that cannot be used. `field` is where, as in `when[0].versions`."""

    code = "recipe-invalid"

    def __init__(self, project: str, field: str, problem: str) -> None:
        self.project = project
        self.field = field
        self.problem = problem
        where = f"`{field}` " if field else ""
        super().__init__(f"The recipe of {project} cannot be used: {where}{problem}")


@dataclass(frozen=True, slots=True)
class RecipeFacts:
    """What a recipe adds to a way of building; the fields are those of `Way`."""

    packages: tuple[str, ...] = ()
    system: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()

    def __add__(self, other: "RecipeFacts") -> "RecipeFacts":
        """Both together; of a variable that both set, the other's value counts."""
        return RecipeFacts(
            packages=_joined(self.packages, other.packages),
            system=_joined(self.system, other.system),
            environment={**self.environment, **other.environment},
            requirements=_joined(self.requirements, other.requirements),
            constraints=_joined(self.constraints, other.constraints),
            flags=_joined(self.flags, other.flags),
            optional=_joined(self.optional, other.optional),
            imports=_joined(self.imports, other.imports),
        )

    @property
    def digest(self) -> str:
        """What stands for these facts in a build's key: the same for the same facts.

        >>> RecipeFacts().digest
        ''
        """
        if self == RecipeFacts():
            return NO_RECIPE
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Those that say something."""
        return {name: value for name, value in asdict(self).items() if value}

    def added_to(self, way: Way) -> Way:
        """The way of building with these facts.

        Libraries of the distribution's are newer than the systems that the portable toolchain
        is for, so what is linked with them is compiled on the host.
        """
        return replace(
            way,
            packages=_joined(way.packages, self.packages),
            system=_joined(way.system, self.system),
            environment={**way.environment, **self.environment},
            requirements=_joined(way.requirements, self.requirements),
            constraints=_joined(way.constraints, self.constraints),
            flags=_joined(way.flags, self.flags),
            optional=_joined(way.optional, self.optional),
            imports=_joined(way.imports, self.imports),
            toolchain=HOST if self.packages or self.system else way.toolchain,
        )


@dataclass(frozen=True, slots=True)
class When:
    """Facts for some releases (PEP 440 specifiers) and targets (patterns); empty means all."""

    versions: str
    targets: tuple[str, ...]
    facts: RecipeFacts

    def holds(self, *, version: str, target: str) -> bool:
        is_release = parse_specifiers(self.versions).contains(Version(version), prereleases=True)
        return is_release and (
            not self.targets or any(fnmatchcase(target, pattern) for pattern in self.targets)
        )


@dataclass(frozen=True, slots=True)
class Recipe:
    """One version of a project's recipe: `reason` says why it is needed."""

    project: str
    version: int
    reason: str
    reviewer: str
    facts: RecipeFacts
    when: tuple[When, ...] = ()

    def facts_for(self, *, version: str, target: str) -> RecipeFacts:
        """What it adds to builds of this release for this target; maybe nothing."""
        facts = self.facts
        for table in self.when:
            if table.holds(version=version, target=target):
                facts += table.facts
        return facts


def parse_recipe(project: str, text: str) -> Recipe:
    """The recipe that a TOML text holds; raises `RecipeInvalid`, which names the field."""

    def problem(field: str, what: str) -> RecipeInvalid:
        return RecipeInvalid(project, field, what)

    if len(text) > MAX_TEXT:
        raise problem("", f"it is longer than {MAX_TEXT} characters: say less.")
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise problem("", f"it is no TOML: {error}.") from error
    reader = _Reader(project, table, "")
    schema = reader.number("schema")
    if schema != SCHEMA:
        raise problem("schema", f"is {schema}; this farm reads recipes of schema {SCHEMA}.")
    named = reader.text("project")
    if named != project:
        raise problem("project", f"says {named!r}: write {project!r}, or move the recipe.")
    tables = table.pop("when", [])
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise problem("when", "is made of tables: begin each with [[when]].")
    if len(tables) > MAX_ITEMS:
        raise problem("when", f"has {len(tables)} tables; at most {MAX_ITEMS} are read.")
    recipe = Recipe(
        project=project,
        version=reader.number("version"),
        reason=reader.text("reason"),
        reviewer=reader.text("reviewer"),
        facts=reader.facts(),
        when=tuple(
            _when(_Reader(project, each, f"when[{place}].")) for place, each in enumerate(tables)
        ),
    )
    reader.finish()
    if recipe.facts == RecipeFacts() and not recipe.when:
        raise problem("", "it says nothing: name what builds need, or remove it.")
    return recipe


def draft_recipe(project: str, *, version: int, reviewer: str, before: str = "") -> str:
    r"""Return the text to begin a version with: the one before, or what no recipe goes without.

    >>> print(draft_recipe("demo", version=2, reviewer="ada", before="version = 1\nflags = []"))
    version = 2
    flags = []
    """
    if not before:
        return (
            f'schema = {SCHEMA}\nproject = "{project}"\nversion = {version}\nreason = ""\n'
            f'reviewer = "{reviewer}"\n'
        )
    text = re.sub(r"(?m)^version *= *\d+", f"version = {version}", before, count=1)
    return re.sub(r'(?m)^reviewer *= *"[^"\n]*"', f'reviewer = "{reviewer}"', text, count=1)


def _when(reader: "_Reader") -> When:
    versions = reader.text("versions", default="")
    try:
        parse_specifiers(versions)
    except InvalidSpecifiers as error:
        raise reader.problem("versions", f"is no PEP 440 specifier: {versions!r}.") from error
    targets = reader.values("targets", _TARGET, "patterns of targets, such as cp312-*")
    if not versions and not targets:
        raise reader.problem("versions", "and `targets` are both empty: move this to the top.")
    facts = reader.facts()
    reader.finish()
    if facts == RecipeFacts():
        raise reader.problem("", "says nothing: name what these builds need, or remove it.")
    return When(versions, targets, facts)


_TARGET = re.compile(r"[a-z0-9_*?-]{1,64}")
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]*")
_OWNED = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9.+_/-]*")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_FLAG = re.compile(r"-[A-Za-z][!-~]*")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")

_NATIVE = re.compile(r"-m(arch|cpu|tune)=")
_RESERVED = re.compile(
    r"(PATH|HOME|TMPDIR|TZ|LANG|VIRTUAL_ENV|SOURCE_DATE_EPOCH|CC|CXX|AR|LDSHARED|CFLAGS|CXXFLAGS"
    r"|(LC|LD|PYTHON|PIP|UV|AFFINEUR)_?.*)"
)
"""Variables that the farm sets itself, or that would lead a build out of its environment."""


class _Reader:
    """Takes what it knows out of a table; what is left is unknown. Errors name the field."""

    def __init__(self, project: str, table: dict[str, Any], prefix: str) -> None:
        self._project = project
        self._table = table
        self._prefix = prefix

    def problem(self, field: str, what: str) -> RecipeInvalid:
        return RecipeInvalid(self._project, f"{self._prefix}{field}".rstrip("."), what)

    def number(self, name: str) -> int:
        value = self._table.pop(name, None)
        if type(value) is not int or not 0 < value <= MAX_VERSION:
            raise self.problem(name, "must be a number from 1 on.")
        return value

    def text(self, name: str, *, default: str | None = None) -> str:
        value = self._table.pop(name, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise self.problem(name, "must be a text of at least one word.")
        if len(value) > MAX_VALUE or "\0" in value:
            raise self.problem(name, f"must be a text of at most {MAX_VALUE} characters.")
        return value.strip()

    def values(self, name: str, pattern: re.Pattern[str], what: str) -> tuple[str, ...]:
        return self._list(name, what, lambda value: pattern.fullmatch(value) is not None)

    def facts(self) -> RecipeFacts:
        return RecipeFacts(
            packages=self.values("packages", _PACKAGE, "names of distribution packages"),
            system=self.values("system", _OWNED, "names of files, such as foo.h or foo-config"),
            environment=self._environment(),
            requirements=self._list("requirements", "requirements (PEP 508)", _is_requirement),
            constraints=self._list("constraints", "constraints (PEP 508)", _is_constraint),
            flags=self._list("flags", "compiler flags for any machine", _is_flag),
            optional=self.values("optional", _MODULE, "names of extension modules"),
            imports=self.values("imports", _MODULE, "names of modules"),
        )

    def finish(self) -> None:
        if unknown := ", ".join(sorted(self._table)):
            raise self.problem("", f"has what no recipe has: {unknown[:200]}. See the README.")

    def _list(self, name: str, what: str, is_sound: Callable[[str], bool]) -> tuple[str, ...]:
        values = self._table.pop(name, [])
        if not isinstance(values, list) or len(values) > MAX_ITEMS:
            raise self.problem(name, f"must be a list of at most {MAX_ITEMS} {what}.")
        for value in values:
            is_text = isinstance(value, str) and len(value) <= MAX_VALUE
            if not is_text or not is_sound(value):
                raise self.problem(name, f"has {str(value)[:80]!r}: it lists {what}.")
        return _joined((), tuple(values))

    def _environment(self) -> dict[str, str]:
        values = self._table.pop("environment", {})
        if not isinstance(values, dict) or len(values) > MAX_ITEMS:
            raise self.problem("environment", f"must be a table of at most {MAX_ITEMS} variables.")
        for name, value in values.items():
            field = f"environment.{name[:80]}"
            if not _VARIABLE.fullmatch(name):
                raise self.problem(field, "is no name of a variable: use capitals, digits and _.")
            if _RESERVED.fullmatch(name):
                raise self.problem(field, "is the farm's own to set; for flags there is `flags`.")
            if not isinstance(value, str) or len(value) > MAX_VALUE or not value.isprintable():
                raise self.problem(field, f"must be one line of at most {MAX_VALUE} characters.")
        return values


def _is_requirement(value: str) -> bool:
    try:
        return Requirement(value).url is None
    except InvalidRequirement:
        return False


def _is_constraint(value: str) -> bool:
    return _is_requirement(value) and not Requirement(value).extras


def _is_flag(value: str) -> bool:
    return _FLAG.fullmatch(value) is not None and not _NATIVE.match(value)


def _joined(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    """Both in their order, each value once."""
    return tuple(dict.fromkeys((*one, *other)))
