"""GitHub as a witness: repositories by number, roles of people, one file (REST API 2022-11-28)."""

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import quote

from portal.errors import EvidenceUnreachable
from portal.ownership.conf import ownership_config
from portal.ownership.fetching import Fetched, fetch_json


@dataclass(frozen=True, slots=True)
class Repository:
    """As it is called and owned now. Numbers are never used again; names are."""

    id: str
    owner_id: str
    full_name: str
    default_branch: str


@dataclass(frozen=True, slots=True)
class Collaborator:
    """A person's role on a repository."""

    user_id: str
    role: str
    """`admin`, `maintain`, `write`, `triage`, `read`, or one that the organization made."""


class NotSeen(Exception):
    """GitHub shows it to nobody, or not to this person; the message says which."""


def find_repository(full_name: str, *, token: str = "") -> Repository:  # none, not a secret
    """The repository of that name now, followed where it was renamed to.

    Raises `NotSeen`, `EvidenceUnreachable`.
    """
    answer = _get(f"/repos/{_path(full_name)}", what=f"the repository {full_name}", token=token)
    match answer.json:
        case {
            "id": int(number),
            "owner": {"id": int(owner)},
            "full_name": str(name),
            "default_branch": str(branch),
        } if answer.status == 200:  # noqa: PLR2004  # OK
            return Repository(str(number), str(owner), name, branch)
    raise NotSeen(f"GitHub shows no repository {full_name}")


def role_on(repository: Repository, *, login: str, token: str) -> Collaborator:
    """The role of an account, asked with its own token. Raises `NotSeen`, `EvidenceUnreachable`."""
    name = repository.full_name
    path = f"/repos/{_path(name)}/collaborators/{quote(login, safe='')}/permission"
    answer = _get(path, what=f"your role on {name}", token=token)
    match answer.json:
        case {"role_name": str(role), "user": {"id": int(number)}} if answer.status == 200:  # noqa: PLR2004
            return Collaborator(str(number), role)
    raise NotSeen(f"GitHub tells no role of {login} on {name}")


def read_file(full_name: str, path: str) -> bytes:
    """A file on the default branch. Raises `NotSeen`, `EvidenceUnreachable`."""
    what = f"{path} in {full_name}"
    answer = _get(f"/repos/{_path(full_name)}/contents/{quote(path)}", what=what)
    match answer.json:
        case {"type": "file", "encoding": "base64", "content": str(content)} if (
            answer.status == 200  # noqa: PLR2004
        ):
            try:
                return base64.b64decode(content)
            except binascii.Error:
                pass
    raise NotSeen(f"there is no {what} on its default branch")


def _path(full_name: str) -> str:
    owner, _, name = full_name.partition("/")
    return f"{quote(owner, safe='')}/{quote(name, safe='')}"


def _get(path: str, *, what: str, token: str = "") -> Fetched:
    # The first is what GitHub advises, the second what its description of the API has.
    accept = "application/vnd.github+json, application/json;q=0.9"
    headers = {"Accept": accept, "X-GitHub-Api-Version": "2022-11-28"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    answer = fetch_json(ownership_config().github_api + path, what=what, headers=headers)
    message = answer.json.get("message", "") if isinstance(answer.json, dict) else ""
    if answer.status == 403 and "rate limit" in str(message).lower():  # noqa: PLR2004
        raise EvidenceUnreachable(what, "GitHub asks us to wait")
    return answer
