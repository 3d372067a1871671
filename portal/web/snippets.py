"""How each installer is told of an index: texts to copy, and what choosing it means.

Pure: from an address and a kind of index to text. What holds for all snippets of a kind is whether
it may be an installer's only index, or is asked for some projects beside another.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

TOKEN_VARIABLE = "AFFINEUR_TOKEN"  # noqa: S105  # the name of a variable
_USER = "__token__"


class Kind(StrEnum):
    OVERLAY = "overlay"
    WHEELS = "wheels"
    PROJECT = "project"
    PLATFORM = "platform"
    DATED = "dated"
    CURATED = "curated"

    @property
    def is_whole(self) -> bool:
        """Whether it is meant as the only index of an installer."""
        return self in {Kind.OVERLAY, Kind.PLATFORM, Kind.CURATED}


@dataclass(frozen=True, slots=True)
class Snippet:
    """A text for one tool. `place` is the file that it goes into, or where it is typed."""

    tool: str
    place: str
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Advice:
    """Whether to choose a kind of index, and what that risks."""

    choose: str
    risk: str
    locks: str = ""
    """What becomes of a lock file, where that is not as one would think."""


_LOCKS = (
    "When PyPI comes to have a wheel that serves as ours did, ours leaves the page and stays at its"
    " address: locks that name addresses, as those of pip and uv do and pdm's with"
    " --strategy static_urls, install it for good. "
)


ADVICE: Mapping[Kind, Advice] = {
    Kind.OVERLAY: Advice(
        "Choose it as your only index, in place of PyPI. It lists what PyPI has and our wheels"
        " beside it, and follows PyPI's yanks.",
        "There is no second index, so no name can come from the wrong one. Do not put it beside"
        " an index of your own names: whoever registers such a name on PyPI would be installed.",
    ),
    Kind.WHEELS: Advice(
        "Choose it when PyPI must stay your index and you want our wheels of projects that you"
        " name. Ask it for those by name, as the snippets for uv, poetry and pdm do.",
        "As an extra index of pip it is asked for every name, and the higher version wins wherever"
        " it lies; we only publish names that PyPI has, but an index more is a party more that you"
        " trust. A yank on PyPI is followed here within minutes, not at the same moment.",
        f"{_LOCKS}Those of poetry and pdm name hashes, and find none of them here then: use the"
        " overlay with these two, where the sdist of the release is in the lock as well, or an"
        " organisation's index that keeps such wheels.",
    ),
    Kind.PROJECT: Advice(
        "Choose it when one project is all that you want from here. It lists that project as the"
        " overlay does, and no other name.",
        "It cannot give you anything under another name, so the risk is that of this project."
        " As an extra index of pip it is still asked for every name, and says 404 to them.",
        f"{_LOCKS}Those of poetry and pdm name hashes and look for them on the page: they install"
        " the sdist of the release then, which is in the lock as well; an organisation's index can"
        " keep such wheels.",
    ),
    Kind.PLATFORM: Advice(
        "Choose it as the only index of machines that are all alike, such as a CI: its pages are"
        " far shorter. It is the overlay without the wheels of other platforms.",
        "A lock file that is made from it lacks the other platforms, and will not install there."
        " For a project that it has no wheel of, installers build from source as they do anywhere.",
        f"{_LOCKS}Those of poetry and pdm name hashes and look for them on the page: they install"
        " the sdist of the release then, which is in the lock as well; an organisation's index can"
        " keep such wheels.",
    ),
    Kind.DATED: Advice(
        "Choose it to resolve as of a day, for projects that we follow and that you name. What was"
        " uploaded later is not on its pages; what was yanked since is, as yanked.",
        "Versions of that day lack all later security fixes, so use it to reproduce, not to run."
        " It knows nothing of projects that we do not follow: they come from your other index, as"
        " of today.",
    ),
    Kind.CURATED: Advice(
        "Choose it as your only index when it lists all that you install. Whatever its owners did"
        " not choose, or their rules leave out, is not found, and the installer says so.",
        "Put beside PyPI it protects nothing: what it leaves out comes from there. The addresses"
        " of the files on its pages are public, and so are our wheels: only the choice is private.",
    ),
}
"""Two sentences each, of which one page shows one kind's."""

FIRST_INDEX = (
    "Without explicit = true, uv takes a project from the first index that has it, and looks no"
    " further (it calls that first-index). An index of our wheels alone would hide releases that"
    " only PyPI has, newer ones too."
)


def snippets(
    index_url: str, *, kind: Kind, name: str, project: str, is_private: bool = False
) -> tuple[Snippet, ...]:
    """For pip, uv, poetry, pdm and a Dockerfile.

    `index_url` ends with a slash; `name` is what tools call the index by; `project` is one that
    it has, for kinds that are asked for single projects. A private index needs a token, which
    stands in no snippet: it is taken from the environment, or from a netrc file.
    """
    make = _Whole if kind.is_whole else _Named
    return make(index_url, name, project, is_private).all()


@dataclass(frozen=True, slots=True)
class _Maker(ABC):
    url: str
    name: str
    project: str
    is_private: bool

    def all(self) -> tuple[Snippet, ...]:
        netrc = (self.netrc(),) if self.is_private else ()
        return (self.pip(), *netrc, self.uv(), self.poetry(), self.pdm(), self.docker())

    @abstractmethod
    def pip(self) -> Snippet: ...

    @abstractmethod
    def uv(self) -> Snippet: ...

    @abstractmethod
    def poetry(self) -> Snippet: ...

    @abstractmethod
    def pdm(self) -> Snippet: ...

    @abstractmethod
    def docker(self) -> Snippet: ...

    def netrc(self) -> Snippet:
        host = urlsplit(self.url).hostname or ""
        return Snippet(
            "netrc",
            "~/.netrc",
            f"machine {host}\nlogin {_USER}\npassword YOUR-TOKEN\n",
            "pip and uv read it. Keep it readable by you alone (mode 0600).",
        )

    def variables(self, prefix: str) -> str:
        """How uv and poetry are told a user and a password of an index, through the environment."""
        name = re.sub(r"[^A-Z0-9]", "_", self.name.upper())
        return (
            f"Set {prefix}_{name}_USERNAME={_USER} and {prefix}_{name}_PASSWORD to your token."
            if self.is_private
            else ""
        )

    def url_for_pdm(self) -> str:
        """Pdm puts variables of the environment into its addresses."""
        if not self.is_private:
            return self.url
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{_USER}:${{{TOKEN_VARIABLE}}}@{rest}"

    def note_for_pdm(self) -> str:
        return f"Set {TOKEN_VARIABLE} to your token." if self.is_private else ""

    def dockerfile(self, variables: str, install: str) -> Snippet:
        if not self.is_private:
            return Snippet("Dockerfile", "Dockerfile", f"{variables}\nRUN {install}\n")
        mount = "--mount=type=secret,id=netrc,target=/root/.netrc"
        return Snippet(
            "Dockerfile",
            "Dockerfile",
            f"{variables}\nRUN {mount} \\\n    {install}\n",
            "Build with docker build --secret id=netrc,src=$HOME/.netrc: the token stays out of"
            " the image.",
        )


class _Whole(_Maker):
    """As the only index."""

    __slots__ = ()

    def pip(self) -> Snippet:
        return Snippet("pip", "pip.conf", f"[global]\nindex-url = {self.url}\n")

    def uv(self) -> Snippet:
        return Snippet(
            "uv",
            "pyproject.toml",
            f'[[tool.uv.index]]\nname = "{self.name}"\nurl = "{self.url}"\ndefault = true\n',
            self.variables("UV_INDEX") or "As the default index it takes the place of PyPI.",
        )

    def poetry(self) -> Snippet:
        return Snippet(
            "poetry",
            "pyproject.toml",
            f'[[tool.poetry.source]]\nname = "{self.name}"\nurl = "{self.url}"\n'
            'priority = "primary"\n',
            self.variables("POETRY_HTTP_BASIC")
            or "With a primary source of its own, poetry does not ask PyPI.",
        )

    def pdm(self) -> Snippet:
        return Snippet(
            "pdm",
            "pyproject.toml",
            f'[[tool.pdm.source]]\nname = "pypi"\nurl = "{self.url_for_pdm()}"\n'
            "verify_ssl = true\n",
            self.note_for_pdm() or "Under the name pypi it takes the place of PyPI.",
        )

    def docker(self) -> Snippet:
        variables = f"ENV PIP_INDEX_URL={self.url} \\\n    UV_DEFAULT_INDEX={self.url}"
        return self.dockerfile(variables, f"pip install {self.project}")


class _Named(_Maker):
    """Beside another index, for projects that are named."""

    __slots__ = ()

    def pip(self) -> Snippet:
        return Snippet(
            "pip",
            "pip.conf",
            f"[global]\nextra-index-url = {self.url}\n",
            "pip knows no index for one project: it asks every index for every name, and takes the"
            " highest version. Of one version it takes our wheel for its build tag.",
        )

    def uv(self) -> Snippet:
        return Snippet(
            "uv",
            "pyproject.toml",
            f'[[tool.uv.index]]\nname = "{self.name}"\nurl = "{self.url}"\nexplicit = true\n\n'
            f'[tool.uv.sources]\n{self.project} = {{ index = "{self.name}" }}\n',
            self.variables("UV_INDEX") or FIRST_INDEX,
        )

    def poetry(self) -> Snippet:
        return Snippet(
            "poetry",
            "pyproject.toml",
            f'[[tool.poetry.source]]\nname = "{self.name}"\nurl = "{self.url}"\n'
            'priority = "explicit"\n\n'
            "[tool.poetry.dependencies]\n"
            f'{self.project} = {{ version = "*", source = "{self.name}" }}\n',
            self.variables("POETRY_HTTP_BASIC")
            or "An explicit source is asked for the dependencies that name it, and no others.",
        )

    def pdm(self) -> Snippet:
        return Snippet(
            "pdm",
            "pyproject.toml",
            f'[[tool.pdm.source]]\nname = "{self.name}"\nurl = "{self.url_for_pdm()}"\n'
            f'include_packages = ["{self.project}"]\nexclude_packages = ["*"]\n',
            self.note_for_pdm()
            or "What is included comes from here alone; everything else from PyPI.",
        )

    def docker(self) -> Snippet:
        variables = f"ENV PIP_EXTRA_INDEX_URL={self.url}"
        return self.dockerfile(variables, f"pip install {self.project}")
