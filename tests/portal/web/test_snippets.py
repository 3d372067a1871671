"""What people copy parses, and says what it should."""

import configparser
import netrc
import os
import re
import subprocess
import sys
import tomllib

import pytest

from portal.web.snippets import ADVICE, TOKEN_VARIABLE, Kind, snippets

URL = "https://affineur.example/o/acme/tools/simple/"
WHOLE = [kind for kind in Kind if kind.is_whole]
NAMED = [kind for kind in Kind if not kind.is_whole]


def of(kind, tool, *, is_private=False):
    made = snippets(URL, kind=kind, name="acme-tools", project="docopt", is_private=is_private)
    (found,) = [each for each in made if each.tool == tool]
    return found


def toml(kind, tool, **options):
    return tomllib.loads(of(kind, tool, **options).text)["tool"]


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("is_private", [False, True])
def test_every_tool_has_one_and_names_the_index(kind, is_private):
    made = snippets(URL, kind=kind, name="acme", project="docopt", is_private=is_private)
    tools = [each.tool for each in made]
    expected = ["pip", "uv", "poetry", "pdm", "Dockerfile"]
    assert [tool for tool in tools if tool != "netrc"] == expected
    assert ("netrc" in tools) is is_private
    address = URL.removeprefix("https://")
    assert all(address in each.text for each in made if each.tool != "netrc")


@pytest.mark.parametrize(
    ("kind", "option"),
    [(Kind.OVERLAY, "index-url"), (Kind.WHEELS, "extra-index-url")],
)
def test_pip_reads_its_own(kind, option, tmp_path):
    config = tmp_path / "pip.conf"
    config.write_text(of(kind, "pip").text)
    parsed = configparser.ConfigParser()
    parsed.read(config)
    assert dict(parsed["global"]) == {option: URL}
    told = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        env={**os.environ, "PIP_CONFIG_FILE": str(config)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"global.{option}='{URL}'" in told.stdout


@pytest.mark.parametrize("kind", WHOLE)
def test_an_only_index_takes_the_place_of_pypi(kind):
    assert toml(kind, "uv")["uv"] == {
        "index": [{"name": "acme-tools", "url": URL, "default": True}]
    }
    assert toml(kind, "poetry")["poetry"] == {
        "source": [{"name": "acme-tools", "url": URL, "priority": "primary"}]
    }
    assert toml(kind, "pdm")["pdm"] == {
        "source": [{"name": "pypi", "url": URL, "verify_ssl": True}]
    }
    assert f"PIP_INDEX_URL={URL}" in of(kind, "Dockerfile").text
    assert f"UV_DEFAULT_INDEX={URL}" in of(kind, "Dockerfile").text


@pytest.mark.parametrize("kind", NAMED)
def test_an_index_beside_another_is_asked_for_what_is_named(kind):
    assert toml(kind, "uv")["uv"] == {
        "index": [{"name": "acme-tools", "url": URL, "explicit": True}],
        "sources": {"docopt": {"index": "acme-tools"}},
    }
    assert toml(kind, "poetry")["poetry"] == {
        "source": [{"name": "acme-tools", "url": URL, "priority": "explicit"}],
        "dependencies": {"docopt": {"version": "*", "source": "acme-tools"}},
    }
    assert toml(kind, "pdm")["pdm"] == {
        "source": [
            {
                "name": "acme-tools",
                "url": URL,
                "include_packages": ["docopt"],
                "exclude_packages": ["*"],
            }
        ]
    }
    assert f"PIP_EXTRA_INDEX_URL={URL}" in of(kind, "Dockerfile").text
    assert "first-index" in of(kind, "uv").note


@pytest.mark.parametrize("kind", Kind)
def test_a_private_index_takes_its_token_from_elsewhere(kind, tmp_path):
    made = snippets(URL, kind=kind, name="acme-tools", project="docopt", is_private=True)
    assert not any("affr_" in each.text for each in made)
    file = tmp_path / "netrc"
    file.write_text(of(kind, "netrc", is_private=True).text)
    user, _, password = netrc.netrc(str(file)).authenticators("affineur.example")
    assert (user, password) == ("__token__", "YOUR-TOKEN")
    assert "UV_INDEX_ACME_TOOLS_USERNAME=__token__" in of(kind, "uv", is_private=True).note
    assert "POETRY_HTTP_BASIC_ACME_TOOLS_PASSWORD" in of(kind, "poetry", is_private=True).note
    (source,) = toml(kind, "pdm", is_private=True)["pdm"]["source"]
    assert source["url"] == URL.replace("https://", f"https://__token__:${{{TOKEN_VARIABLE}}}@")
    docker = of(kind, "Dockerfile", is_private=True).text
    assert "--mount=type=secret,id=netrc,target=/root/.netrc" in docker
    assert "__token__" not in docker


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_is_judged_in_two_sentences_and_two(kind):
    for text in (ADVICE[kind].choose, ADVICE[kind].risk):
        assert len(re.findall(r"\.(?=\s|$)", text)) == 2
