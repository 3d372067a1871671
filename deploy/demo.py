"""The main job on real projects, the way a person's own client would do it.

Signs a maintainer in, proves ownership, consents, asks for wheels, follows the builds, installs
the result with pip and with uv, and says what came of it. Uses nothing of the portal but its
public HTTP API and its index.
"""  # noqa: INP001  # a script, not a package

import argparse
import base64
import glob
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from uv import find_uv_bin

MAINTAINER = "demo-maintainer"
LIVE = frozenset({"queued", "claimed", "running", "judging"})
STAGES = ("fetch", "inspect", "resolve", "build", "repair", "check", "smoke", "upload")
POLL_SECONDS = 0.7


class DemoFailedError(Exception):
    """The demonstration did not show what it should; the message is for people."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A release to ask for. `trial` is Python that prints `answer` once the wheel is installed."""

    name: str
    version: str
    licence: str
    licence_seen_in: str
    trial: str
    answer: str

    @property
    def project(self) -> str:
        return re.sub(r"[-_.]+", "-", self.name).lower()

    @property
    def requirement(self) -> str:
        return f"{self.name}=={self.version}"

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


PURE = Wish(
    name="docopt",
    version="0.6.2",
    licence="MIT",
    licence_seen_in="LICENSE-MIT of the sdist",
    trial=(
        "from docopt import docopt\n"
        "print(docopt('Usage: affineur ripen <cheese>', ['ripen', 'comté'])['<cheese>'])"
    ),
    answer="comté",
)
EXTENSION = Wish(
    name="python-Levenshtein",
    version="0.12.2",
    licence="GPL-2.0-or-later",
    licence_seen_in="the licence classifier of its metadata",
    trial="import Levenshtein\nprint(Levenshtein.distance('kitten', 'sitting'))",
    answer="3",
)
WISHES = (PURE, EXTENSION)


# What came of a request ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cell:
    """What one target of a release ended with: the wheel that serves it, or why there is none."""

    target: str
    filename: str = ""
    reason: str = ""

    @property
    def python(self) -> str:
        return python_of(self.target)


def python_of(target: str) -> str:
    """`cp312-manylinux_2_36_x86_64` → `3.12`; another kind of target stays as it is."""
    match = re.match(r"cp(\d)(\d+)", target)
    return f"{match[1]}.{match[2]}" if match else target


def tags_of(filename: str) -> str:
    """`docopt-0.6.2-1affineur-py2.py3-none-any.whl` → `py2.py3-none-any`."""
    return "-".join(filename.removesuffix(".whl").split("-")[-3:])


def _newest_first(cell: Cell) -> tuple[int, ...]:
    return tuple(-int(part) for part in re.findall(r"\d+", cell.python))


def cells_of(request: Mapping[str, Any]) -> list[Cell]:
    """A finished request as one cell a target, newest interpreter first."""
    cells = {
        served["target"]: Cell(served["target"], filename=served["filename"])
        for served in request["already_served"]
    }
    for build in request["builds"]:
        target = build["target"]
        if build["served_by"]:
            cells[target] = Cell(target, filename=build["served_by"])
        else:
            cells.setdefault(target, Cell(target, reason=reason_of(build)))
    for refusal in request["refusals"]:
        target = refusal.get("target", "")
        cells.setdefault(target, Cell(target, reason=one_line(refusal["message"])))
    return sorted(cells.values(), key=_newest_first)


def reason_of(build: Mapping[str, Any]) -> str:
    """Why a build gave no wheel, in one line: the outcome, and the line that proves it."""
    outcome = (build["outcome"] or build["state"]).replace("-", " ")
    proof = re.sub(r"/\S*/", "…/", build["evidence"] or build["message"])
    return one_line(f"{outcome}: {proof}") if proof else outcome


def one_line(text: str, limit: int = 160) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def was_built_since(request: Mapping[str, Any], at: str) -> bool:
    """Whether a build of the request ended after `at`."""
    return any(
        build["ended_at"] and _time(build["ended_at"]) >= _time(at) for build in request["builds"]
    )


def unrebuilt(requests: Mapping[Wish, Mapping[str, Any]], *, since: str) -> str:
    """The sentence for a run that found everything done; empty when something was built."""
    if any(was_built_since(request, since) for request in requests.values()):
        return ""
    served = sum(1 for request in requests.values() for cell in cells_of(request) if cell.filename)
    failed = sum(
        1 for request in requests.values() for build in request["builds"] if not build["served_by"]
    )
    sentence = f"Nothing was rebuilt: {served} targets were served already"
    if failed:
        failures = "1 failure stands" if failed == 1 else f"{failed} failures stand"
        sentence += f", and {failures}, because what went in is the same"
    return f"{sentence}."


def shortcomings(requests: Mapping[Wish, Mapping[str, Any]]) -> list[str]:
    """What the demonstration should have shown and did not."""
    found = []
    for wish, request in requests.items():
        if request["is_petition"]:
            found.append(f"{wish} is still a petition, although consent was given.")
        if not any(cell.filename for cell in cells_of(request)):
            found.append(f"{wish} has no wheel for any target.")
    pure = {cell.filename for cell in cells_of(requests[PURE]) if cell.filename}
    if len(pure) > 1 or not all(name.endswith("py3-none-any.whl") for name in pure):
        found.append(f"{PURE} should have one wheel for every interpreter, not {sorted(pure)}.")
    if all(cell.filename for cell in cells_of(requests[EXTENSION])):
        found.append(
            f"{EXTENSION} has a wheel for every target: its import failure on new interpreters"
            " was not caught."
        )
    return found


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


# The portal, over HTTP ----------------------------------------------------------------------


class Portal:
    """The public API of a portal."""

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        self._client = httpx.Client(
            base_url=f"{self.url}/api/v1/",
            timeout=60,
            headers={"User-Agent": "affineur-demo"},
            transport=transport,
        )

    @property
    def index(self) -> str:
        return f"{self.url}/simple/"

    def sign_in(self, username: str) -> None:
        token = self.post("development/sign-in/", {"username": username})["token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def wait(self, *, seconds: float) -> None:
        """Until it answers."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.get("agreements/")
            except (httpx.TransportError, DemoFailedError) as error:
                if time.monotonic() > deadline:
                    raise DemoFailedError(
                        f"The portal at {self.url} did not answer within {seconds:.0f} s: {error}"
                    ) from error
                time.sleep(0.3)
            else:
                return

    def get(self, path: str, **parameters: str) -> dict[str, Any]:
        return self._answer(self._client.get(path, params=parameters))

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._answer(self._client.post(path, json=body))

    def rows(self, path: str, **parameters: str) -> Iterator[dict[str, Any]]:
        """Of all pages of a list."""
        page = self.get(path, **parameters)
        yield from page["results"]
        while page.get("next"):
            page = self._answer(self._client.get(page["next"]))
            yield from page["results"]

    def download(self, url: str) -> bytes:
        response = self._client.get(url, follow_redirects=True)
        if response.is_error:
            raise DemoFailedError(f"{url} answered {response.status_code}.")
        return response.content

    def _answer(self, response: httpx.Response) -> dict[str, Any]:
        if response.is_success:
            answer: dict[str, Any] = response.json()
            return answer
        where = f"{response.request.method} {response.request.url.path}"
        if response.headers.get("content-type", "").startswith("application/problem+json"):
            problem = response.json()
            errors = "; ".join(
                f"{field or 'body'}: {' '.join(messages)}"
                for field, messages in problem.get("errors", {}).items()
            )
            raise DemoFailedError(
                f"{where}: {problem['detail']} {errors}".strip() + f" [{problem['code']}]"
            )
        raise DemoFailedError(f"{where} answered {response.status_code}.")


def prove(portal: Portal, wish: Wish) -> str:
    """Ownership by the operator's attestation; answers what was done, for people."""
    for proof in portal.rows(f"projects/{wish.project}/proofs/"):
        if proof["state"] == "proven":
            return "ownership was attested before; for development only"
    proof = portal.post(
        f"projects/{wish.project}/proofs/",
        {
            "method": "attestation",
            "facts": {"reason": "The demonstration plays its maintainer on this machine."},
        },
    )
    if proof["state"] == "pending":
        proof = portal.post(f"proofs/{proof['id']}/check/", {})
    if proof["state"] != "proven":
        raise DemoFailedError(f"Ownership of {wish.name} was not accepted: {proof['refusal']}")
    return "ownership attested by the operator; marked for ever as for development only"


def consent(portal: Portal, wish: Wish, agreements: Sequence[Mapping[str, Any]]) -> str:
    """Accepts every clause of every agreement for every release, unless that stands already."""
    for given in portal.rows(f"projects/{wish.project}/consents/"):
        if given["is_mine"] and given["is_live"]:
            return f"consent of {given['given_at'][:10]} stands"
    portal.post(
        f"projects/{wish.project}/consents/",
        {
            "capacity": "maintainer",
            "accepted": [
                {
                    "name": agreement["name"],
                    "sha256": agreement["sha256"],
                    "clauses": [clause["id"] for clause in agreement["clauses"]],
                }
                for agreement in agreements
            ],
            "licence_expression": wish.licence,
            "licence_seen_in": wish.licence_seen_in,
        },
    )
    names = ", ".join(f"{agreement['name']} {agreement['version']}" for agreement in agreements)
    return f"read and accepted: {names}\n  consent given: every release, every target"


# Progress -----------------------------------------------------------------------------------


class Progress(Protocol):
    """Shows builds as they go on."""

    def show(self, rows: Sequence[tuple[Wish, Mapping[str, Any]]]) -> None: ...


class PlainProgress:
    """A line for each change; for logs and pipes."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    def show(self, rows: Sequence[tuple[Wish, Mapping[str, Any]]]) -> None:
        for wish, build in rows:
            words = state_in_words(build)
            if self._seen.get(build["id"]) != words:
                self._seen[build["id"]] = words
                say(f"  {wish} for CPython {python_of(build['target'])}: {words}")


class TableProgress:
    """One table, drawn again in place; for terminals."""

    def __init__(self) -> None:
        self._height = 0

    def show(self, rows: Sequence[tuple[Wish, Mapping[str, Any]]]) -> None:
        width = shutil.get_terminal_size().columns
        lines = [line[: width - 1] for line in table(rows, at=datetime.now(tz=UTC))]
        back = f"\x1b[{self._height}F\x1b[J" if self._height else ""
        sys.stdout.write(back + "".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
        self._height = len(lines)


def table(rows: Sequence[tuple[Wish, Mapping[str, Any]]], *, at: datetime) -> list[str]:
    names = max((len(str(wish)) for wish, _ in rows), default=0)
    return [
        f"  {wish!s:<{names}}  {python_of(build['target']):<5} {track(build)}  "
        f"{elapsed(build, at=at):>6}  {state_in_words(build)}"
        for wish, build in rows
    ]


def track(build: Mapping[str, Any]) -> str:
    """The stages as one mark each: passed, at work, to come."""
    if build["state"] in {"judging", "published"}:
        return "■" * len(STAGES)
    passed = STAGES.index(build["stage"]) if build["stage"] in STAGES else 0
    at_work = {"running": "▶", "failed": "✗"}.get(build["state"], "·")
    return "■" * passed + at_work + "·" * (len(STAGES) - passed - 1)


def elapsed(build: Mapping[str, Any], *, at: datetime) -> str:
    if not build["started_at"]:
        return ""
    end = _time(build["ended_at"]) if build["ended_at"] else at
    return f"{max((end - _time(build['started_at'])).total_seconds(), 0):.0f} s"


def state_in_words(build: Mapping[str, Any]) -> str:
    words = {
        "queued": "waits for its turn",
        "claimed": "handed to a builder",
        "running": build["stage"] or "starting",
        "judging": "read once more before it is published",
        "published": f"published {tags_of(build['filename'])}",
        "covered": f"served by {tags_of(build['served_by']) or 'another wheel'}",
        "cancelled": f"cancelled: {one_line(build['message'])}",
    }
    return words.get(build["state"], f"failed: {build['outcome'].replace('-', ' ')}")


def follow(
    portal: Portal, ids: Mapping[Wish, str], progress: Progress, *, patience: float
) -> dict[Wish, dict[str, Any]]:
    """Until no build of the requests is live. Gives up when nothing moves for `patience` s."""
    moved_at = time.monotonic()
    before: list[tuple[str, str, str]] = []
    while True:
        requests = {wish: portal.get(f"requests/{id_}/") for wish, id_ in ids.items()}
        rows = [
            (wish, build)
            for wish, request in requests.items()
            for build in sorted(
                request["builds"], key=lambda build: _newest_first(Cell(build["target"]))
            )
        ]
        progress.show(rows)
        if not any(build["state"] in LIVE for _, build in rows):
            return requests
        now = [(build["id"], build["state"], build["stage"]) for _, build in rows]
        if now != before:
            before, moved_at = now, time.monotonic()
        if time.monotonic() - moved_at > patience:
            raise DemoFailedError(
                f"Nothing has moved for {patience:.0f} s. Is a builder running? {portal.url}/"
            )
        time.sleep(POLL_SECONDS)


# Installing ---------------------------------------------------------------------------------


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what would point pip or uv at another index, cache or interpreter."""
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith(("PIP_", "UV_", "PYTHON", "VIRTUAL_ENV", "CONDA"))
    }
    return kept | {"PIP_CONFIG_FILE": os.devnull, "PYTHONUTF8": "1"}


def run(argv: Sequence[object]) -> str:
    """Runs a command to its end and answers its output."""
    words = [str(word) for word in argv]
    done = subprocess.run(
        words,
        env=clean_environment(os.environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = "\n    ".join((done.stderr or done.stdout).strip().splitlines()[-15:])
        raise DemoFailedError(f"`{' '.join(words)}` ended with {done.returncode}:\n    {said}")
    return done.stdout


def find_interpreter(version: str) -> Path | None:
    """A CPython `version` ("3.11") of this machine: configured (AFFINEUR_INTERPRETERS) or uv's."""
    patterns = os.environ.get("AFFINEUR_INTERPRETERS", "").split()
    candidates = [path for pattern in patterns for path in sorted(glob.glob(pattern))]  # noqa: PTH207  # absolute patterns
    for path in (*candidates, *_known_to_uv(version)):
        try:
            answer = run([path, "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
        except (DemoFailedError, OSError):
            continue
        if answer.strip() == version:
            return Path(path)
    return None


def _known_to_uv(version: str) -> list[str]:
    try:
        return [run([find_uv_bin(), "python", "find", "--no-config", version]).strip()]
    except DemoFailedError:
        return []


def common_pythons(requests: Iterable[Mapping[str, Any]]) -> list[str]:
    """Versions of Python that every request has a wheel for, newest first."""
    served = [[cell.python for cell in cells_of(request) if cell.filename] for request in requests]
    first, *others = served
    return [version for version in first if all(version in other for other in others)]


@dataclass(frozen=True, slots=True)
class Installer:
    """Installs and tries the wishes, each time in a new environment under `folder`."""

    index: str
    interpreter: Path
    folder: Path

    def with_pip(self) -> dict[str, str]:
        """Answers the SHA-256 of each installed wheel by normalised project."""
        python = self._new_environment("pip")
        self._uv_install(python, ["pip"])
        report = self.folder / "report.json"
        cert = os.environ.get("PIP_CERT")
        run(
            [python, "-m", "pip", "install", "--isolated", "--no-cache-dir", "--no-input"]
            + ["--disable-pip-version-check", *(["--cert", cert] if cert else [])]
            + ["--only-binary", ":all:", "--index-url", self.index, "--report", report]
            + [wish.requirement for wish in WISHES]
        )
        self._try(python)
        installed = json.loads(report.read_text())["install"]
        return {
            re.sub(r"[-_.]+", "-", one["metadata"]["name"]).lower(): one["download_info"][
                "archive_info"
            ]["hashes"]["sha256"]
            for one in installed
        }

    def with_uv(self) -> None:
        python = self._new_environment("uv")
        self._uv_install(python, [wish.requirement for wish in WISHES])
        self._try(python)

    def _new_environment(self, name: str) -> Path:
        place = self.folder / name
        run([find_uv_bin(), "venv", "--no-config", "--python", self.interpreter, place])
        return place / "bin" / "python"

    def _uv_install(self, python: Path, requirements: Sequence[str]) -> None:
        run(
            [find_uv_bin(), "pip", "install", "--no-config", "--no-cache"]
            + ["--only-binary", ":all:", "--index-url", self.index, "--python", python]
            + [*requirements]
        )

    def _try(self, python: Path) -> None:
        for wish in WISHES:
            answer = run([python, "-I", "-W", "ignore", "-c", wish.trial]).strip()
            if answer != wish.answer:
                raise DemoFailedError(
                    f"{wish} is installed but answered {answer!r} instead of {wish.answer!r}."
                )


# Provenance ---------------------------------------------------------------------------------


def verified_statement(
    envelope: Mapping[str, Any], *, public_key: str, sha256: str
) -> dict[str, Any]:
    """The in-toto statement of a DSSE envelope, once its signature and its subject hold."""
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    key = load_pem_public_key(public_key.encode())
    if not isinstance(key, Ed25519PublicKey):
        raise DemoFailedError("The portal's provenance key is not an Ed25519 key.")
    try:
        key.verify(base64.b64decode(envelope["signatures"][0]["sig"]), signed)
    except InvalidSignature as error:
        raise DemoFailedError("The provenance is not signed with the portal's key.") from error
    statement: dict[str, Any] = json.loads(payload)
    digests = [subject["digest"]["sha256"] for subject in statement["subject"]]
    if sha256 not in digests:
        raise DemoFailedError(f"The provenance speaks of {digests}, not of the wheel {sha256}.")
    return statement


def describe(statement: Mapping[str, Any]) -> list[str]:
    """What a SLSA provenance statement says went in, and who built."""
    predicate = statement["predicate"]
    builder = predicate["runDetails"]["builder"]
    lines = [
        f"built by   {builder['id']}",
        f"with       CPython {builder.get('version', {}).get('interpreter', 'unknown')}",
    ]
    for material in predicate["buildDefinition"].get("resolvedDependencies", []):
        name = material.get("name") or material.get("uri", "")
        digest = material.get("digest", {}).get("sha256", "")
        lines.append(f"from       {name}{f'  sha256 {digest[:16]}…' if digest else ''}")
    return lines


# The demonstration --------------------------------------------------------------------------


def say(text: str = "") -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def demonstrate(portal: Portal, *, wait: float, patience: float) -> None:
    portal.wait(seconds=wait)
    say(f"The portal answers at {portal.url}")
    portal.sign_in(MAINTAINER)
    say(f"Signed in as {MAINTAINER}, for development")
    agreements = list(portal.rows("agreements/"))
    ids, asked_at = {}, []
    for wish in WISHES:
        say(f"\n{wish}")
        say(f"  {prove(portal, wish)}")
        say(f"  {consent(portal, wish, agreements)}")
        asked = {
            "project": wish.name,
            "specifiers": f"=={wish.version}",
            "targets": [],
            "reason": "The demonstration installs it.",
        }
        request = portal.post("requests/", asked)
        ids[wish] = request["id"]
        asked_at.append(request["planned_at"] or request["created_at"])
        say(f"  wheels requested for {len(request['targets'])} targets")
    say("\nBuilding")
    requests = follow(portal, ids, progress_for_output(), patience=patience)
    nothing = unrebuilt(requests, since=min(asked_at))
    if nothing:
        say(f"  {nothing}")
    show_coverage(requests)
    missing = shortcomings(requests)
    if missing:
        raise DemoFailedError(" ".join(missing))
    installed = install(portal, requests)
    show_provenance(portal, requests[EXTENSION], installed[EXTENSION.project])
    show_urls(portal, requests)


def progress_for_output() -> Progress:
    if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        return TableProgress()
    return PlainProgress()


def show_coverage(requests: Mapping[Wish, Mapping[str, Any]]) -> None:
    for wish, request in requests.items():
        cells = cells_of(request)
        say(
            f"\n{wish}: {sum(bool(cell.filename) for cell in cells)} of {len(cells)} targets served"
        )
        for filename in dict.fromkeys(cell.filename for cell in cells if cell.filename):
            pythons = ", ".join(cell.python for cell in cells if cell.filename == filename)
            say(f"  {filename}\n      serves CPython {pythons}")
        for cell in cells:
            if not cell.filename:
                where = f" for CPython {cell.python}" if cell.target else ""
                say(f"  no wheel{where}: {cell.reason}")


def install(portal: Portal, requests: Mapping[Wish, Mapping[str, Any]]) -> dict[str, str]:
    for version in common_pythons(requests.values()):
        interpreter = find_interpreter(version)
        if interpreter is not None:
            break
    else:
        raise DemoFailedError(
            "None of the interpreters that the wheels are for was found here: set"
            " AFFINEUR_INTERPRETERS, or `uv python install 3.11`."
        )
    say(f"\nInstalling from {portal.index} alone, with CPython {version}")
    words = " ".join(wish.requirement for wish in WISHES)
    with tempfile.TemporaryDirectory(prefix="affineur-demo-") as folder:
        installer = Installer(index=portal.index, interpreter=interpreter, folder=Path(folder))
        installed = installer.with_pip()
        say(f"  pip install {words}: imported, and works")
        installer.with_uv()
        say(f"  uv pip install {words}: imported, and works")
    return installed


def show_provenance(portal: Portal, request: Mapping[str, Any], sha256: str) -> None:
    """Of the wheel that pip installed."""
    for filename in {cell.filename for cell in cells_of(request) if cell.filename}:
        file = portal.get(f"files/{filename}/")
        if file["sha256"] == sha256:
            break
    else:
        raise DemoFailedError(f"pip installed a wheel ({sha256}) that the portal does not list.")
    wheel = portal.download(file["url"])
    statement = verified_statement(
        file["provenance"],
        public_key=portal.get("provenance/key/")["public_key"],
        sha256=hashlib.sha256(wheel).hexdigest(),
    )
    say(f"\nProvenance of {file['filename']}: signature and hash hold")
    say(f"  wheel      sha256 {sha256}")
    for line in describe(statement):
        say(f"  {line}")


def show_urls(portal: Portal, requests: Mapping[Wish, Mapping[str, Any]]) -> None:
    say("\nTo look at")
    for wish, request in requests.items():
        say(f"  {portal.get(f'projects/{wish.project}/')['page_url']}")
        failed = [build for build in request["builds"] if build["state"] == "failed"]
        for build in failed[:1]:
            say(f"  {build['page_url']}   (why it failed)")
    say(f"  {portal.index}")
    say(f"  {portal.url}/api/v1/schema/")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="The main job on real projects, end to end.")
    parser.add_argument("--portal", default="http://127.0.0.1:8000", help="URL of the portal")
    parser.add_argument("--wait", type=float, default=120, help="seconds for the portal to answer")
    parser.add_argument(
        "--patience", type=float, default=600, help="seconds without any progress of the builds"
    )
    options = parser.parse_args(arguments)
    began = time.monotonic()
    try:
        demonstrate(Portal(options.portal), wait=options.wait, patience=options.patience)
    except KeyboardInterrupt:
        say("\nStopped. What was asked for stays asked for.")
        return 130
    except (DemoFailedError, httpx.HTTPError) as error:
        sys.stderr.write(f"\nThe demonstration did not succeed. {error}\n")
        return 1
    say(f"\nDone in {time.monotonic() - began:.0f} s.")
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
