import pytest

from indexes.models import File


@pytest.fixture
def wheel(make_build, make_file, proof) -> str:
    return make_file(make_build()).filename


def test_an_owner_yanks_a_file_and_takes_it_back(as_ada, wheel):
    path = f"/api/v1/files/{wheel}/yank/"
    yanked = as_ada.post(path, {"reason": "It crashes.", "rebuild": True}, format="json")
    assert (yanked.status_code, yanked.json()["standing"]) == (200, "yanked")
    assert yanked.json()["standing_reason"] == "It crashes."
    assert File.objects.get().is_to_be_remade
    again = as_ada.post(path, {"reason": "It crashes."}, format="json")
    assert (again.status_code, again.json()["code"]) == (409, "not-yankable")
    assert as_ada.delete(path).json()["standing"] == "listed"
    assert as_ada.delete(path).json()["code"] == "not-yanked-here"


def test_others_do_not(as_bob, anonymous, wheel):
    path = f"/api/v1/files/{wheel}/yank/"
    assert as_bob.post(path, {"reason": "x"}, format="json").json()["code"] == "proof-needed"
    assert as_bob.post("/api/v1/files/x/yank/", {"reason": "x"}, format="json").status_code == 404
    assert anonymous.post(path, {"reason": "x"}, format="json").status_code == 401
