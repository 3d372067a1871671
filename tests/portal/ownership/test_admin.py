import pytest

from portal.ledger.models import Entry
from portal.ownership.models import Proof
from portal.ownership.services import has_proof
from portal.requests.services import make_request
from tests.portal.people import LATER, consent, make_administrator, make_user

pytestmark = pytest.mark.django_db

PAGES = [
    "accounts/user",
    "accounts/apitoken",
    "consent/consent",
    "consent/revocation",
    "consent/suspension",
    "ledger/entry",
    "ownership/proof",
    "requests/request",
]


@pytest.fixture
def admin(client, administrator):
    client.force_login(administrator)
    return client


def words_about(user, project, **changes):
    said = {"reason": "Met at a conference.", "evidence": "https://x.example/talk"}
    return {"user": user.pk, "project": project.pk} | said | changes


def test_two_administrators_review_with_a_reason_each(admin, maintainer, docopt):
    data = words_about(maintainer, docopt)
    assert admin.post("/admin/ownership/proof/add/", data).status_code == 302
    proof = Proof.objects.get()
    assert has_proof(user=maintainer, project=docopt, at=proof.created_at) is None
    assert admin.post("/admin/ownership/proof/add/", data).status_code == 403
    admin.force_login(make_administrator("second"))
    data = words_about(maintainer, docopt, reason="Their key signs the tags.")
    assert admin.post("/admin/ownership/proof/add/", data).status_code == 302
    proof = Proof.objects.get()
    assert [word["administrator"] for word in proof.evidence["reviews"]] == ["root", "second"]
    assert [word["reason"] for word in proof.evidence["reviews"]][1] == "Their key signs the tags."
    assert has_proof(user=maintainer, project=docopt, at=proof.proven_at) == proof
    assert Entry.objects.get(verb="proof-proven").actor == "second"


def test_an_administrator_does_not_review_themself(admin, administrator, docopt):
    data = words_about(administrator, docopt)
    assert admin.post("/admin/ownership/proof/add/", data).status_code == 403
    assert not Proof.objects.exists()


def test_without_a_reason_nothing_is_reviewed(admin, maintainer, docopt):
    data = words_about(maintainer, docopt, reason="")
    assert admin.post("/admin/ownership/proof/add/", data).status_code == 200
    assert not Proof.objects.exists()


def test_others_cannot_review(client, maintainer, docopt):
    client.force_login(maintainer)
    data = words_about(maintainer, docopt)
    assert client.post("/admin/ownership/proof/add/", data).status_code in {302, 403}
    assert not Proof.objects.exists()


def test_staff_needs_the_permission_as_well(client, maintainer, docopt):
    from tests.portal.people import add_factor

    staff = make_user("staff", is_staff=True)
    add_factor(staff)
    client.force_login(staff)
    data = words_about(maintainer, docopt)
    assert client.post("/admin/ownership/proof/add/", data).status_code == 403


@pytest.mark.parametrize("page", PAGES)
def test_every_list_opens_in_a_bounded_number_of_queries(
    admin, proof, page, django_assert_max_num_queries
):
    maintainer, docopt = proof.user, proof.project
    consent(maintainer, docopt)
    make_request(
        user=maintainer,
        project_name="docopt",
        specifiers="",
        targets=[],
        reason="",
        at=LATER,
    )
    with django_assert_max_num_queries(12):
        assert admin.get(f"/admin/{page}/").status_code == 200


@pytest.mark.parametrize("page", PAGES[1:])
def test_what_services_write_is_only_looked_at(admin, docopt, proof, page):
    assert admin.get(f"/admin/{page}/{proof.pk}/delete/").status_code in {302, 403}
    assert admin.post("/admin/ledger/entry/add/", {}).status_code == 403


def test_a_proof_is_shown_and_not_changed(admin, proof):
    url = f"/admin/ownership/proof/{proof.pk}/change/"
    assert admin.get(url).status_code == 200
    assert admin.post(url, {"state": "refused"}).status_code == 403
