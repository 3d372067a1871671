from builds.domain.states import BuildState

NAME = "docopt-0.6.2-1affineur-py3-none-any.whl"


def test_a_file_tells_where_it_stands_and_where_it_came_from(make_build, make_file, anonymous):
    build = make_build(BuildState.PUBLISHED)
    make_file(build)
    file = anonymous.get(f"/api/v1/files/{NAME}/").json()
    assert (file["project"], file["standing"], file["sha256"]) == ("docopt", "listed", "a" * 64)
    assert file["build"] == str(build.pk)
    assert file["url"] == f"http://testserver/files/{'a' * 64}/{NAME}"
    assert file["provenance"]["payload"] == "e30="


def test_listing_files_takes_one_query_however_many(
    make_build, make_file, anonymous, django_assert_max_num_queries
):
    for number in range(20):
        build = make_build(BuildState.PUBLISHED, target=f"cp3{number}-x")
        make_file(build, f"docopt-0.6.2-{number}affineur-py3-none-any.whl")
    with django_assert_max_num_queries(1):
        assert len(anonymous.get("/api/v1/files/").json()["results"]) == 20
    assert anonymous.get("/api/v1/files/", {"project": "other"}).json()["results"] == []


def test_the_key_that_provenance_is_verified_with(anonymous, development, settings, tmp_path):
    settings.AFFINEUR_SIGNING_KEY = tmp_path / "key.pem"
    key = anonymous.get("/api/v1/provenance/key/").json()
    assert key["algorithm"] == "Ed25519"
    assert key["public_key"].startswith("-----BEGIN PUBLIC KEY-----")
    assert len(key["keyid"]) == 64
