"""The client of GitHub's API, against a server that answers by GitHub's own description of it.

Prism refuses a request that the description does not have, and answers with its examples.
"""

import json
import re

import pytest

from portal.ownership.github import NotSeen, find_repository, read_file, role_on
from tests.node import MODULES, free_port, needed, node

USED = (
    "/repos/{owner}/{repo}",
    "/repos/{owner}/{repo}/collaborators/{username}/permission",
    "/repos/{owner}/{repo}/contents/{path}",
)


@pytest.fixture(scope="module")
def prism(tmp_path_factory):
    """Of the description only what we ask for: all of it takes Prism half a minute to read."""
    needed("@stoplight/prism-cli")
    whole = needed("@octokit/openapi") / "generated" / "api.github.com.deref.json"
    described = json.loads(whole.read_text())
    described["paths"] = {path: {"get": described["paths"][path]["get"]} for path in USED}
    described.pop("components", None)
    answers = described["paths"][USED[2]]["get"]["responses"]["200"]["content"]
    # The example's own content is no base64: its line ends are a backslash and an n.
    example = answers["application/json"]["examples"]["response-if-content-is-a-file"]["value"]
    example["content"] = example["content"].replace("\\n", "\n")
    part = tmp_path_factory.mktemp("github") / "api.json"
    part.write_text(json.dumps(described))
    port = free_port()
    cli = MODULES / "@stoplight" / "prism-cli" / "dist" / "index.js"
    with node(cli, "mock", part, "--port", str(port), port=port) as url:
        yield url, described["paths"]


@pytest.fixture
def github(prism, settings):
    settings.AFFINEUR_GITHUB_API = prism[0]


@pytest.mark.usefixtures("github")
class TestAsGitHubDescribesIt:
    def test_a_repository_by_its_name(self):
        repository = find_repository("octocat/Hello-World", token="t")
        assert repository.id == "1296269"
        assert repository.owner_id.isdigit()
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", repository.full_name)
        assert repository.default_branch

    def test_the_role_of_a_person(self, prism):
        repository = find_repository("octocat/Hello-World")
        seen = role_on(repository, login="octocat", token="t")
        assert seen.user_id == "1"
        assert seen.role
        answer = prism[1][USED[1]]["get"]["responses"]["200"]["content"]["application/json"]
        properties = answer["schema"]["properties"]
        assert {"role_name", "user"} <= set(properties)

    def test_a_file_on_the_default_branch(self):
        assert read_file("octocat/Hello-World", "README.md")

    def test_what_it_does_not_describe_is_not_seen(self):
        with pytest.raises(NotSeen):
            read_file("octocat", "")
