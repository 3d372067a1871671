import base64
import csv
import hashlib
import importlib.metadata
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from indexes.upstream.fake import FakeUpstream
from tests.journeys import projects


def installed_as_wheel(name: str) -> tuple[str, bytes]:
    """A distribution of this environment, packed again as the wheel it came from."""
    distribution = importlib.metadata.distribution(name)
    stem = f"{name}-{distribution.version}"
    buffer = io.BytesIO()
    rows = io.StringIO()
    record = csv.writer(rows, lineterminator="\n")
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in distribution.files or ():
            inside = path.as_posix()
            is_generated = "__pycache__" in inside or inside.startswith("..")
            if is_generated or path.name in {"RECORD", "INSTALLER", "REQUESTED"}:
                continue
            content = path.locate().read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            archive.writestr(inside, content)
            record.writerow([inside, f"sha256={digest.decode()}", len(content)])
        record.writerow([f"{stem}.dist-info/RECORD", "", ""])
        archive.writestr(f"{stem}.dist-info/RECORD", rows.getvalue())
    return f"{stem}-py3-none-any.whl", buffer.getvalue()


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    """An upstream on loopback that has setuptools and the projects of the journeys."""
    fake = FakeUpstream()
    fake.add_file("setuptools", *installed_as_wheel("setuptools"))
    uploaded = datetime(2024, 5, 1, tzinfo=UTC)
    for name, files in (
        ("cheddar", projects.PURE),
        ("gouda", projects.EXTENSION),
        ("parmesan", projects.SLOW),
    ):
        fake.add_sdist(name, "1.0", files=files, uploaded_at=uploaded)
    with fake.serve():
        yield fake
