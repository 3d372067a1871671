"""A second build is compared with the published wheel, byte for byte."""

from pathlib import Path
from uuid import UUID
from zipfile import ZipFile

import pytest
from django.core.management import CommandError, call_command

from builds.runner.problems import WheelProblem
from builds.services.judge import judge_attempt
from builds.services.reproduce import compare_rebuild
from indexes.models import File
from portal.ledger.services import entries_of
from tests.builds.farm import AT, build_wheel, claim_one, queue_build
from tests.builds.runner.wheels import make_wheel

pytestmark = pytest.mark.django_db


@pytest.fixture
def published(permit, celery, settings, tmp_path) -> tuple[File, Path]:
    """A file of ours, and the wheel that the builder had made."""
    settings.AFFINEUR_DEVELOPMENT = True
    settings.AFFINEUR_SIGNING_KEY = tmp_path / "keys" / "provenance.pem"
    queue_build(permit)
    job = claim_one()
    wheel = build_wheel(job, tmp_path)
    judge_attempt(attempt_id=UUID(job.attempt), at=AT)
    return File.objects.get(), wheel


def other_wheel(folder: Path) -> Path:
    folder.mkdir()
    return make_wheel(folder, metadata="Keywords: other\n")


def repacked(wheel: Path, folder: Path) -> Path:
    """The same contents in another order and with other times, as another machine packs them."""
    folder.mkdir()
    again = folder / wheel.name
    with ZipFile(wheel) as old, ZipFile(again, "w") as new:
        for name in reversed(old.namelist()):
            new.writestr(name, old.read(name))
    return again


def test_the_same_contents_are_the_same_however_they_were_packed(published, tmp_path):
    file, wheel = published
    assert file.is_reproducible is None
    again = repacked(wheel, tmp_path / "again")
    assert again.read_bytes() != wheel.read_bytes()
    assert compare_rebuild(file=file, wheel=again, by="ada", at=AT)
    file.refresh_from_db()
    assert file.is_reproducible is True
    entry = entries_of("demo").filter(verb="file-compared").get()
    assert entry.facts == {"filename": file.filename, "is_reproducible": True, "by": "ada"}


def test_one_byte_makes_it_another(published, tmp_path):
    file, _ = published
    other = other_wheel(tmp_path / "again")
    assert not compare_rebuild(file=file, wheel=other, by="ada", at=AT)
    file.refresh_from_db()
    assert file.is_reproducible is False


def test_what_is_no_wheel_says_nothing(published, tmp_path):
    file, _ = published
    nothing = tmp_path / "demo-1.0-py3-none-any.whl.txt"
    nothing.write_text("no archive")
    with pytest.raises(WheelProblem):
        compare_rebuild(file=file, wheel=nothing, by="ada", at=AT)
    file.refresh_from_db()
    assert file.is_reproducible is None


def test_the_command_tells(published, tmp_path, capsys):
    file, wheel = published
    call_command("compare_rebuild", file.filename, str(wheel))
    assert "it is reproducible" in capsys.readouterr().out
    other = other_wheel(tmp_path / "again")
    with pytest.raises(CommandError, match="did not come out the same"):
        call_command("compare_rebuild", file.filename, str(other))
    with pytest.raises(CommandError, match="No file"):
        call_command("compare_rebuild", "other.whl", str(wheel))
    with pytest.raises(CommandError, match="There is no file"):
        call_command("compare_rebuild", file.filename, str(tmp_path / "nothing.whl"))
