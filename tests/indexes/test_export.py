"""`manage.py export_index`: what the folder has is what the site serves, and only that."""

import gzip
import io

import pytest
from django.core.management import CommandError, call_command

from indexes.domain.names import NormalizedName
from indexes.domain.negotiation import HTML, JSON
from indexes.services import export
from indexes.services.export import MANIFEST
from tests.indexes.conftest import NAME

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "export"


def run(folder):
    out = io.StringIO()
    call_command("export_index", str(folder), stdout=out)
    return out.getvalue().strip()


def files_of(folder):
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path for path in found if path.name != MANIFEST}


def inodes(folder):
    """Each file is replaced when it is written: another inode is another writing."""
    return {path: file.stat().st_ino for path, file in files_of(folder).items()}


@pytest.mark.parametrize("path", ["/simple/", f"/simple/{NAME}/", "/wheels/simple/"])
@pytest.mark.parametrize("form", [(JSON, "index.json"), (HTML, "index.html")])
def test_a_file_is_what_the_site_serves(client, folder, ours, path, form):
    accept, name = form
    run(folder)
    served = client.get(path, headers={"accept": accept}).content
    file = folder / path.strip("/") / name
    assert file.read_bytes() == served
    assert gzip.decompress(file.with_name(f"{name}.gz").read_bytes()) == served


def test_it_has_the_overlay_and_the_wheels_and_no_more(folder, ours):
    assert run(folder) == "8 pages written, 0 unchanged, 0 deleted."
    pages = [
        f"{index}{name}" for index in ("", "wheels/") for name in ("simple/", f"simple/{NAME}/")
    ]
    names = ("index.html", "index.html.gz", "index.json", "index.json.gz")
    assert files_of(folder).keys() == {page + name for page in pages for name in names}


def test_an_empty_site_has_its_roots(folder):
    assert run(folder) == "4 pages written, 0 unchanged, 0 deleted."
    assert b"Simple index" in (folder / "simple" / "index.html").read_bytes()


def test_a_second_export_writes_nothing(folder, ours, django_assert_max_num_queries):
    run(folder)
    before = inodes(folder)
    with django_assert_max_num_queries(6):
        assert run(folder) == "0 pages written, 8 unchanged, 0 deleted."
    assert inodes(folder) == before


def test_a_change_writes_what_it_touches(folder, farm, ours, upstream):
    upstream.add_sdist("alpha", "1.0")
    farm.enrol(NormalizedName("alpha"))
    run(folder)
    before = inodes(folder)
    upstream.add_sdist("alpha", "2.0")
    farm.refresh(NormalizedName("alpha"))
    assert run(folder) == "2 pages written, 8 unchanged, 0 deleted."
    after = inodes(folder)
    assert {path.rpartition("/")[0] for path in after if after[path] != before[path]} == {
        "simple/alpha"
    }


def test_what_is_gone_is_deleted_and_nothing_else(folder, farm, ours, upstream):
    run(folder)
    (folder / "simple" / "robots.txt").write_text("mine")
    upstream.remove_project(NAME)
    farm.refresh()
    assert run(folder) == "4 pages written, 0 unchanged, 4 deleted."
    assert not (folder / "simple" / NAME).exists()
    assert (folder / "simple" / "robots.txt").read_text() == "mine"


def test_a_run_that_died_is_made_good(folder, farm, ours, upstream, monkeypatch):
    def die(folder, source, path):
        written(folder, source, path)
        raise OSError

    written = export._export  # noqa: SLF001 - the moment at which it dies
    monkeypatch.setattr(export, "_export", die)
    with pytest.raises(OSError, match=r"^$"):
        run(folder)
    monkeypatch.undo()
    upstream.remove_project(NAME)
    farm.refresh()
    run(folder)
    assert {path.rpartition("/")[0] for path in files_of(folder)} == {"simple", "wheels/simple"}


def test_a_folder_of_something_else_is_left_alone(tmp_path, ours):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(CommandError, match="no export of ours"):
        run(tmp_path)
    assert [path.name for path in tmp_path.glob("simple")] == []
