import pytest

from portal.ledger.models import Entry
from portal.ownership.models import Proof
from portal.ownership.services import has_proof
from portal.requests.services import make_request
from tests.portal.people import LATER, consent, make_user

pytestmark = pytest.mark.django_db

PAGES = [
    "accounts/user",
    "accounts/apitoken",
    "consent/consent",
    "consent/revocation",
    "ledger/entry",
    "ownership/proof",
    "requests/request",
]


@pytest.fixture
def admin(client, administrator):
    client.force_login(administrator)
    return client


def test_an_administrator_attests_with_a_reason(admin, maintainer, docopt):
    data = {"user": maintainer.pk, "project": docopt.pk, "reason": "Met at a conference."}
    assert admin.post("/admin/ownership/proof/add/", data).status_code == 302
    proof = Proof.objects.get()
    assert proof.evidence == {"attested_by": "root", "reason": "Met at a conference."}
    assert has_proof(user=maintainer, project=docopt, at=proof.created_at) == proof
    assert Entry.objects.get(verb="proof-proven").actor == "root"


def test_without_a_reason_nothing_is_attested(admin, maintainer, docopt):
    data = {"user": maintainer.pk, "project": docopt.pk, "reason": ""}
    assert admin.post("/admin/ownership/proof/add/", data).status_code == 200
    assert not Proof.objects.exists()


def test_others_cannot_attest(client, maintainer, docopt):
    client.force_login(maintainer)
    data = {"user": maintainer.pk, "project": docopt.pk, "reason": "Me."}
    assert client.post("/admin/ownership/proof/add/", data).status_code in {302, 403}
    assert not Proof.objects.exists()


def test_staff_needs_the_permission_as_well(client, maintainer, docopt):
    from tests.portal.people import add_factor

    staff = make_user("staff", is_staff=True)
    add_factor(staff)
    client.force_login(staff)
    data = {"user": maintainer.pk, "project": docopt.pk, "reason": "Known."}
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
