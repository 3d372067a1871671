"""Stage upload: the wheel goes to where the job says."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx

from builds.domain.outcomes import Outcome
from builds.runner.attempt import Attempt
from builds.runner.problems import LeaseGoneError

CHUNK = 1 << 18
TIMEOUT = 120
"""Seconds without progress."""
REFUSALS = frozenset({400, 401, 403, 404, 411, 413, 422})
"""Answers that asking again does not change."""


def upload(attempt: Attempt, wheel: Path) -> None:
    """Hand the wheel over; a busy control side or storage is asked again a few times."""
    with wheel.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    size = wheel.stat().st_size
    attempt.journal.say(f"uploading {wheel.name}, sha256 {sha256}")
    pause = attempt.bench.upload_pause
    problem = ""
    for number in range(attempt.bench.uploads):
        if number:
            time.sleep(pause)
            pause *= 2
        attempt.verify_lease()
        problem = _put(attempt, wheel, size)
        if not problem:
            attempt.report["wheel"] = {
                "filename": wheel.name,
                "sha256": sha256,
                "size": size,
                "uploaded_as": wheel.name,
            }
            return
        attempt.journal.say(problem)
    raise attempt.problem(Outcome.UPLOAD_FAILED, problem)


def _put(attempt: Attempt, wheel: Path, size: int) -> str:
    """Upload once; returns what went wrong, or nothing."""
    job = attempt.job
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
    url = job.upload_url
    if url.startswith(f"{job.control_url}/"):
        url = f"{url}/{quote(wheel.name)}"
        headers["Authorization"] = f"Bearer {job.lease}"
    try:
        response = attempt.bench.client.put(
            url,
            content=_chunks(attempt, wheel),
            headers=headers,
            timeout=TIMEOUT,
            follow_redirects=False,
        )
    except httpx.HTTPError as error:
        return f"the upload failed: {str(error) or type(error).__name__}"
    if response.status_code == httpx.codes.GONE:
        raise LeaseGoneError
    if response.is_success:
        return ""
    said = f"the upload was answered with {response.status_code}: {response.text[:300]}"
    if response.status_code in REFUSALS:
        raise attempt.problem(Outcome.UPLOAD_FAILED, said)
    return said


def _chunks(attempt: Attempt, wheel: Path) -> Iterator[bytes]:
    with wheel.open("rb") as file:
        while chunk := file.read(CHUNK):
            attempt.verify_lease()
            yield chunk
