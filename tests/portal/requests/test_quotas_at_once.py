"""Members who ask in the same moment, on a database that lets them."""

from builds.models import Build
from portal.organisations.services import create_organisation, set_quotas
from portal.requests.services import make_request
from tests.portal.at_once import AT_ONCE, at_once
from tests.portal.people import (
    AT,
    CP312,
    CP313,
    consent,
    know,
    make_administrator,
    make_user,
    prove,
)

pytestmark = AT_ONCE


def test_a_quota_holds_for_wishes_at_once(upstream):
    ann, docopt = make_user("ann"), know("docopt")
    prove(ann, docopt, make_administrator())
    consent(ann, docopt)
    acme = create_organisation(user=ann, slug="acme", name="Acme", at=AT)
    set_quotas(by=ann, organisation=acme, builds_at_once=1, cpu_hours=None, at=AT)
    acme.refresh_from_db()

    def ask(target: str, version: str) -> object:
        return make_request(
            user=ann,
            project_name="docopt",
            specifiers=f"=={version}",
            targets=[target],
            reason="",
            at=AT,
            organisation=acme,
        )

    wishes = [(target, version) for target in (CP312, CP313) for version in ("0.6.1", "0.6.2")]
    results = at_once(*(lambda wish=wish: ask(*wish) for wish in wishes))
    assert [str(each) for each in results if isinstance(each, Exception)] == []
    assert Build.objects.count() == 1
