"""A consent's pages in a real browser: few clicks, and nothing ticked beforehand."""

import pytest
from django.utils import timezone

from portal.consent.models import Consent
from portal.ownership.models import Proof
from tests.journeys.conftest import Arrive
from tests.portal.web.scenes import Farm

pytestmark = pytest.mark.journey


@pytest.fixture
def proven(farm: Farm) -> Farm:
    """The owner has proven the project without consent, too; both are an organisation's."""
    snapshot = {"upstream": {"organization": "cheese", "roles": {"ada": "Owner"}}}
    Proof.objects.filter(pk=farm.pending.pk).update(
        state="proven", proven_at=timezone.now(), expires_at=None
    )
    Proof.objects.all().update(evidence=snapshot)
    return farm


def test_from_what_people_ask_to_a_consent_and_a_pause(arrive: Arrive, proven: Farm):
    """Beside a tick for each clause: four clicks to consent, one more to pause."""
    owner = arrive(user=proven.owner)
    owner.goes_to("web:mine")
    owner.follows("Read what you would agree to for docopt")
    owner.ticks("Owner of the project")
    owner.writes("Licence", "MIT")
    boxes = owner.page.locator("input[name^='clause:']").all()
    for box in boxes:
        assert not box.is_checked()
        owner.clicks(box)
    owner.presses("I consent")
    assert "Thank you. Your consent for docopt is recorded" in owner.reads
    owner.presses("Pause")
    assert "Paused. 2 builds are cancelled or stopped." in owner.reads
    assert owner.count - len(boxes) == 4
    assert Consent.objects.filter(project=proven.plain).count() == 1
    assert not proven.plain.permits.filter(revoked_at=None).exists()


def test_the_clauses_of_publishing_go_when_nothing_is_published(arrive: Arrive, proven: Farm):
    owner = arrive(user=proven.owner)
    owner.goes_to("web:give-consent", "docopt")
    clause = owner.page.locator("input[name='clause:use-of-name:name']")
    assert clause.is_visible()
    owner.page.get_by_label("What may be done").select_option(label="Build and check them only")
    clause.wait_for(state="hidden")
