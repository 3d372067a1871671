import pytest

from builds.domain.keys import NO_RECIPE
from builds.domain.recipes import Recipe, RecipeFacts, RecipeInvalid, parse_recipe
from builds.domain.ways import HOST, PORTABLE, Way

HEAD = """
schema = 1
project = "demo"
version = 3
reason = "Finds libfoo by foo-config only."
reviewer = "ada"
"""
CP312 = "cp312-manylinux_2_36_x86_64"
CP311 = "cp311-manylinux_2_36_x86_64"
WHOLE = (
    HEAD
    + """
packages = ["libfoo-dev"]
system = ["foo-config", "foo/bar.h"]
requirements = ["cython<3"]
constraints = ["setuptools<72"]
flags = ["-DUSE_FOO=1"]
optional = ["demo._speedups"]
imports = ["demo"]

[environment]
DEMO_WITH_FOO = "1"

[[when]]
versions = "<2"
targets = ["cp312-*"]
constraints = ["numpy<2", "setuptools<72"]
environment = { DEMO_WITH_FOO = "0" }
"""
)


def facts(text: str, version: str = "1.0", target: str = CP312) -> RecipeFacts:
    return parse_recipe("demo", HEAD + text).facts_for(version=version, target=target)


def test_a_whole_recipe_is_read() -> None:
    recipe = parse_recipe("demo", WHOLE)

    assert isinstance(recipe, Recipe)
    assert (recipe.version, recipe.reviewer) == (3, "ada")
    assert recipe.facts_for(version="2.0", target=CP312) == RecipeFacts(
        packages=("libfoo-dev",),
        system=("foo-config", "foo/bar.h"),
        environment={"DEMO_WITH_FOO": "1"},
        requirements=("cython<3",),
        constraints=("setuptools<72",),
        flags=("-DUSE_FOO=1",),
        optional=("demo._speedups",),
        imports=("demo",),
    )


def test_what_is_for_some_releases_and_targets_is_added_there_alone() -> None:
    recipe = parse_recipe("demo", WHOLE)
    old = recipe.facts_for(version="1.9rc1", target=CP312)

    assert old.constraints == ("setuptools<72", "numpy<2")
    assert old.environment == {"DEMO_WITH_FOO": "0"}
    assert recipe.facts_for(version="1.9", target=CP311) == recipe.facts
    assert recipe.facts_for(version="2", target=CP312) == recipe.facts


def test_a_digest_is_that_of_the_facts_that_go_for_a_build() -> None:
    one = '[[when]]\nversions = "<2"\nflags = ["-DA"]'
    assert facts(one, "1.0").digest == facts(one, "1.1").digest == facts('flags = ["-DA"]').digest
    assert facts(one, "2.0").digest == NO_RECIPE
    assert facts(one).digest != facts(one.replace("-DA", "-DB")).digest


def test_why_it_is_needed_and_who_says_so_make_no_other_work() -> None:
    again = WHOLE.replace("version = 3", "version = 4").replace("ada", "bob")
    assert parse_recipe("demo", again).facts.digest == parse_recipe("demo", WHOLE).facts.digest


def test_facts_are_added_to_a_way_and_none_is_lost() -> None:
    way = Way(
        "remedied",
        constraints=("numpy<2",),
        flags=("-O1",),
        system=("zlib.h",),
        environment={"A": "1"},
        toolchain=PORTABLE,
    )
    found = facts('constraints = ["numpy<2", "six<2"]\nflags = ["-DB"]\nenvironment = { B = "2" }')
    both = found.added_to(way)

    assert (both.rung, both.constraints, both.flags) == (
        "remedied",
        ("numpy<2", "six<2"),
        ("-O1", "-DB"),
    )
    assert (both.system, both.environment) == (("zlib.h",), {"A": "1", "B": "2"})
    assert both.toolchain == PORTABLE


@pytest.mark.parametrize("text", ['packages = ["libfoo-dev"]', 'system = ["foo.h"]'])
def test_what_is_linked_with_the_distribution_is_compiled_on_the_host(text: str) -> None:
    assert facts(text).added_to(Way("declared", toolchain=PORTABLE)).toolchain == HOST


def test_facts_survive_the_journey_to_a_builder() -> None:
    way = parse_recipe("demo", WHOLE).facts.added_to(Way("declared"))
    assert Way.from_json(way.to_json()) == way


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        (HEAD, "", "it says nothing"),
        ("= 1", "", "it is no TOML"),
        ("a = " + "[" * 5000, "", "it is no TOML"),
        ("#" * 20_001, "", "longer than 20000"),
        (HEAD.replace("schema = 1", "schema = 2"), "schema", "is 2"),
        (HEAD.replace('"demo"', '"other"'), "project", "says 'other'"),
        (HEAD.replace("version = 3", "version = 0"), "version", "from 1 on"),
        (HEAD.replace("version = 3", "version = true"), "version", "from 1 on"),
        (HEAD.replace('"ada"', '" "'), "reviewer", "at least one word"),
        (HEAD.replace('reason = "', 'because = "'), "reason", "at least one word"),
        (HEAD + 'flags = ["-DA"]\ncflags = []', "", "no recipe has: cflags"),
        (HEAD + 'packages = ["--force"]', "packages", "has '--force'"),
        (HEAD + "packages = [1]", "packages", "has '1'"),
        (HEAD + 'packages = "libfoo"', "packages", "must be a list"),
        (HEAD + f"packages = {['p'] * 51}", "packages", "at most 50"),
        (HEAD + 'system = ["/etc/passwd"]', "system", "names of files"),
        (HEAD + 'system = ["a/../b"]', "system", "names of files"),
        (HEAD + 'requirements = ["a @ https://evil.example/a"]', "requirements", "PEP 508"),
        (HEAD + 'requirements = ["-r x"]', "requirements", "PEP 508"),
        (HEAD + 'constraints = ["a[b]<1"]', "constraints", "PEP 508"),
        (HEAD + 'flags = ["-march=native"]', "flags", "any machine"),
        (HEAD + 'flags = ["-DA -DB"]', "flags", "compiler flags"),
        (HEAD + 'flags = ["@file"]', "flags", "compiler flags"),
        (HEAD + 'imports = ["a-b"]', "imports", "names of modules"),
        (HEAD + 'environment = { PATH = "/x" }', "environment.PATH", "the farm's own"),
        (HEAD + 'environment = { LD_PRELOAD = "x" }', "environment.LD_PRELOAD", "the farm's own"),
        (HEAD + 'environment = { UV_INDEX = "x" }', "environment.UV_INDEX", "the farm's own"),
        (HEAD + 'environment = { CFLAGS = "x" }', "environment.CFLAGS", "there is `flags`"),
        (HEAD + 'environment = { a = "x" }', "environment.a", "no name of a variable"),
        (HEAD + 'environment = { A = "x\\ny" }', "environment.A", "one line"),
        (HEAD + "environment = { A = 1 }", "environment.A", "one line"),
        (HEAD + "when = [1]", "when", "[[when]]"),
        (HEAD + '[[when]]\nflags = ["-DA"]', "when[0].versions", "both empty"),
        (HEAD + '[[when]]\nversions = "<2"', "when[0]", "says nothing"),
        (HEAD + '[[when]]\nversions = "old"\nflags = ["-DA"]', "when[0].versions", "'old'"),
        (HEAD + '[[when]]\ntargets = ["CP 312"]\nflags = ["-DA"]', "when[0].targets", "CP 312"),
        (
            HEAD + '[[when]]\nversions = "<2"\nreviewer = "b"\nflags = ["-DA"]',
            "when[0]",
            "reviewer",
        ),
    ],
)
def test_an_error_names_the_recipe_and_the_field(text: str, field: str, words: str) -> None:
    with pytest.raises(RecipeInvalid) as caught:
        parse_recipe("demo", text)

    assert caught.value.field == field
    assert words in str(caught.value)
    assert "The recipe of demo cannot be used" in str(caught.value)
