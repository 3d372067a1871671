import hashlib
from uuid import uuid4

import pytest

from indexes.domain.status import Decision, Standing
from indexes.models import File, Page
from indexes.services.pages import OVERLAY_ROOT, WHEELS_ROOT, overlay_path, wheels_path
from indexes.services.publish import FilenameTaken, NotPublishable, next_build_number
from indexes.services.standing import decide
from indexes.storage import BytesDiffer, file_key, get_storage
from tests.indexes.conftest import METADATA, NAME
from tests.indexes.services.test_refresh import listed, page, standing_of

UNTAGGED = "python_levenshtein-0.12.2-cp312-cp312-manylinux_2_36_x86_64.whl"


def test_a_published_file_is_kept_and_listed(farm, project):
    file = farm.publish(content=b"wheel")
    with get_storage().open(file_key(file.sha256)) as kept:
        assert kept.read() == b"wheel"
    for path in (overlay_path(NAME), wheels_path(NAME)):
        assert listed(path)[file.filename] == {
            "filename": file.filename,
            "url": f"/files/{file.sha256}/{file.filename}",
            "hashes": {"sha256": hashlib.sha256(b"wheel").hexdigest()},
            "requires-python": ">=3.8",
            "size": 5,
            "upload-time": "2026-03-01T13:00:00.000000Z",
            "yanked": False,
            "core-metadata": {"sha256": hashlib.sha256(METADATA).hexdigest()},
            "data-dist-info-metadata": {"sha256": hashlib.sha256(METADATA).hexdigest()},
        }


def test_the_overlay_has_upstreams_files_and_ours(ours):
    assert sorted(listed(overlay_path(NAME))) == [
        "python_levenshtein-0.12.1.tar.gz",
        "python_levenshtein-0.12.2-1affineur-cp312-cp312-manylinux_2_36_x86_64.whl",
        "python_levenshtein-0.12.2.tar.gz",
    ]


def test_the_wheels_index_has_ours_only(ours):
    assert list(listed(wheels_path(NAME))) == [ours.filename]
    assert page(wheels_path(NAME))["versions"] == ["0.12.2"]
    assert page(WHEELS_ROOT)["projects"] == [{"name": NAME}]


def test_roots_list_what_they_have(farm, project):
    assert page(OVERLAY_ROOT)["projects"] == [{"name": NAME}]
    assert page(WHEELS_ROOT) is None


def test_a_build_publishes_once(farm, project, heard):
    build = uuid4()
    first = farm.publish(build_id=build)
    again = farm.publish(build_id=build, number=2)
    assert again == first
    assert File.objects.count() == 1
    assert [name for name, _ in heard] == ["file_published"]


def test_a_name_is_used_once(farm, ours):
    with pytest.raises(FilenameTaken) as caught:
        farm.publish(content=b"other bytes")
    assert caught.value.filename == ours.filename
    assert File.objects.get().sha256 == ours.sha256


def test_a_name_of_upstreams_is_never_used(farm, upstream, project):
    upstream.add_file(
        NAME, "python_levenshtein-0.12.2-1affineur-cp312-cp312-manylinux_2_36_x86_64.whl"
    )
    farm.refresh()
    with pytest.raises(FilenameTaken):
        farm.publish()


def test_bytes_of_another_hash_are_not_published(farm, project):
    with pytest.raises(BytesDiffer):
        farm.publish(sha256="0" * 64)
    assert not File.objects.exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"filename": UNTAGGED},
        {"filename": "other-0.12.2-1affineur-py3-none-any.whl"},
        {"filename": "python_levenshtein-0.12.1-1affineur-py3-none-any.whl"},
        {"filename": "python_levenshtein-0.12.2.tar.gz"},
        {"build_tag": "2affineur"},
        {"build_tag": "", "filename": UNTAGGED},
    ],
)
def test_what_is_no_wheel_of_the_release_is_not_published(farm, project, changed):
    with pytest.raises(NotPublishable):
        farm.publish(**changed)
    assert not File.objects.exists()


def test_a_file_of_a_yanked_release_is_listed_yanked(farm, upstream, project):
    upstream.yank(NAME, "0.12.2", reason="broken")
    farm.refresh()
    file = farm.publish()
    assert (file.standing, file.standing_reason) == (Standing.YANKED, "broken")
    assert listed(wheels_path(NAME))[file.filename]["yanked"] == "broken"


def test_publishing_costs_a_bounded_number_of_queries(farm, ours, django_assert_max_num_queries):
    with django_assert_max_num_queries(22):
        farm.publish("cp311-cp311-manylinux_2_36_x86_64")


def test_build_numbers_count_up(farm, project):
    def number():
        return next_build_number(
            project=project, version="0.12.2", wheel_name_without_build_tag=UNTAGGED
        )

    assert number() == 1
    farm.publish()
    assert number() == 2
    farm.publish(number=7)
    assert number() == 8


def test_build_numbers_are_of_one_release_and_its_tags(farm, project):
    farm.publish("cp311-cp311-manylinux_2_36_x86_64", number=5)
    farm.publish(version="0.12.1", number=4)
    number = next_build_number(
        project=project, version="0.12.2", wheel_name_without_build_tag=UNTAGGED
    )
    assert number == 1


def test_a_build_number_is_above_upstreams(farm, upstream, project):
    upstream.add_file(NAME, UNTAGGED.replace("0.12.2-", "0.12.2-3-"))
    farm.refresh()
    number = next_build_number(
        project=project, version="0.12.2", wheel_name_without_build_tag=UNTAGGED
    )
    assert number == 4


@pytest.mark.parametrize(
    ("decision", "standing"),
    [
        (Decision.YANKED, Standing.YANKED),
        (Decision.WITHDRAWN, Standing.WITHDRAWN),
        (Decision.QUARANTINED, Standing.QUARANTINED),
    ],
)
def test_a_decision_is_followed_and_taken_back(farm, ours, decision, standing, heard):
    files = File.objects.filter(pk=ours.pk)
    assert decide(files=files, decision=decision, reason="ours", at=farm.now) == 1
    assert standing_of(ours) == (standing, "ours")
    assert decide(files=files, decision=None, reason="", at=farm.now) == 1
    assert standing_of(ours) == (Standing.LISTED, "")
    assert [name for name, _ in heard] == ["files_decided", "standing_changed"] * 2


def test_a_withdrawn_file_leaves_every_page(farm, ours):
    decide(files=File.objects.all(), decision=Decision.WITHDRAWN, reason="revoked", at=farm.now)
    assert ours.filename not in listed(overlay_path(NAME))
    assert page(wheels_path(NAME)) is None
    assert page(WHEELS_ROOT)["projects"] == []


def test_a_decision_on_nothing_changes_nothing(farm, ours):
    before = list(Page.objects.values_list("path", "etag"))
    count = decide(files=File.objects.none(), decision=Decision.WITHDRAWN, reason="x", at=farm.now)
    assert count == 0
    assert list(Page.objects.values_list("path", "etag")) == before
