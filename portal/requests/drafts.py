"""What a user can carry to a project themselves: an issue and a pull request, as text. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """What there is to say. Counts are of people; addresses are whole."""

    project: str
    people: int
    targets: Sequence[str]
    """In words, such as "CPython 3.13 on Linux x86-64"."""
    page: str
    prove_page: str
    about_page: str


@dataclass(frozen=True, slots=True)
class Draft:
    title: str
    body: str


def issue(asked: Asked) -> Draft:
    """For the project's tracker; asks once, and says how to say no."""
    return Draft(
        title="Wheels for more platforms and Pythons: may a build farm build them?",
        body=f"""\
Hello, and thank you for {asked.project}.

I install it where PyPI has no wheel of it:

{_bullets(asked.targets)}
{_also(asked.people)}
There is a build farm that makes such wheels from your source distributions, in a sandbox, and
serves them from an index of its own. It runs nothing of a project before one of its maintainers
has agreed: {asked.about_page}

If you like the idea, this page shows what would be built, and what you would agree to. It takes
about two minutes, and you can stop it at any time:
{asked.prove_page}

If you do not, please just close this. The same page lets you say no once and for all; then nobody
is asked again. Wheels that you publish yourself always come before theirs.

What is asked for there: {asked.page}
""",
    )


def pull_request(asked: Asked) -> Draft:
    """For a change that puts the scope into the project's own sources."""
    return Draft(
        title="Say in pyproject.toml that wheels may be built by a farm",
        body=f"""\
This adds a table to `pyproject.toml` that says which wheels of {asked.project} a build farm may
build from its source distributions:

```toml
[tool.affineur]
project = "{asked.project}"
consent = ["build", "publish"]
```

The table alone allows nothing: somebody who owns the project still has to show that they do, and to
agree, at {asked.prove_page}
It only puts the decision where your other decisions are, under version control. Narrow it with
`releases = ">=1.0"`, or leave "publish" out to have wheels built and not served.

What the farm is, and how to stop it: {asked.about_page}
""",
    )


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) or "- (write where: Python and platform)"


def _also(people: int) -> str:
    if people < 2:  # noqa: PLR2004  # one is who asks
        return ""
    return f"\n{people} people have asked for such wheels there.\n"
