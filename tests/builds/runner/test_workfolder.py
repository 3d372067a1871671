"""What untrusted code leaves is read without following it anywhere."""

import os
from pathlib import Path

import pytest

from builds.runner.workfolder import UntrustedFileError, list_left, read_left, take_left


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "out").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("the key")
    return root


def test_a_file_is_read(root: Path) -> None:
    (root / "out/result").write_text("said")

    assert read_left(root, "out/result", limit=4) == b"said"
    assert list_left(root, "out") == ["result"]


def test_a_link_to_a_file_is_not_followed(root: Path) -> None:
    (root / "out/result").symlink_to("../../secret/key")

    with pytest.raises(UntrustedFileError):
        read_left(root, "out/result", limit=100)


def test_a_link_to_a_folder_is_not_followed(root: Path) -> None:
    (root / "link").symlink_to("../secret")

    with pytest.raises(UntrustedFileError):
        read_left(root, "link/key", limit=100)
    assert list_left(root, "link") == []


def test_a_pipe_is_not_waited_for(root: Path) -> None:
    os.mkfifo(root / "out/result")

    with pytest.raises(UntrustedFileError, match="no regular file"):
        read_left(root, "out/result", limit=100)


def test_a_file_that_is_too_large_is_refused(root: Path, tmp_path: Path) -> None:
    (root / "out/result").write_bytes(bytes(101))

    with pytest.raises(UntrustedFileError, match="larger than 100 bytes"):
        read_left(root, "out/result", limit=100)
    with pytest.raises(UntrustedFileError, match="larger than 100 bytes"):
        take_left(root, "out/result", tmp_path / "copy", limit=100)


def test_what_is_not_there_is_said(root: Path) -> None:
    with pytest.raises(UntrustedFileError, match="No such file"):
        read_left(root, "out/result", limit=100)
    assert list_left(root, "nowhere") == []


def test_a_file_is_taken(root: Path, tmp_path: Path) -> None:
    (root / "out/result").write_text("said")

    take_left(root, "out/result", tmp_path / "copy", limit=100)

    assert (tmp_path / "copy").read_text() == "said"
