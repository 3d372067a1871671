"""One yes for several projects, as far as upstream tells which are of one organisation."""

import pytest

from portal.consent import organisation
from portal.consent.models import Consent
from portal.consent.organisation import consent_for_organisation, siblings_of
from portal.consent.suspension import object_to
from portal.errors import NoOrganisation
from portal.ownership.models import Proof
from portal.ownership.roles import Roles
from tests.portal.people import AT, LATER, all_accepted, consent, know, make_user, prove

pytestmark = pytest.mark.django_db


@pytest.fixture
def upstream_says(monkeypatch):
    """Which organisation upstream names, by project, when it is asked again."""
    answers = {"docopt": "cheese", "brie": "cheese", "tilsit": "cheese", "rind": "other"}

    def roles(name: str) -> Roles | None:
        owner = answers.get(name)
        return Roles(owner, {"ada": "Owner"}) if owner else None

    monkeypatch.setattr(organisation, "roles_upstream", roles)
    return answers


@pytest.fixture
def projects(upstream, docopt, maintainer, administrator):
    """Docopt, brie and rind are the maintainer's; tilsit is of the same organisation as brie."""
    found = {"docopt": docopt}
    for name in ("brie", "tilsit", "rind"):
        upstream.add_sdist(name, "1.0")
        found[name] = know(name)
    somebody = make_user("somebody")
    for name, project in found.items():
        proof = prove(somebody if name == "tilsit" else maintainer, project, administrator)
        owner = "other" if name == "rind" else "cheese"
        snapshot = {"upstream": {"organization": owner, "roles": {"ada": "Owner"}}}
        Proof.objects.filter(pk=proof.pk).update(evidence=snapshot)
    return found


def give(user, project, names):
    return consent_for_organisation(
        user=user,
        project=project,
        names=names,
        licences=dict.fromkeys(names, "MIT"),
        capacity="owner",
        accepted=all_accepted(),
        specifiers="",
        covers_new_releases=True,
        targets=[],
        channels=["build", "publish"],
        asked_by="anyone",
        expires_at=None,
        licence_seen_in="",
        at=LATER,
    )


def test_those_of_the_same_organisation_are_offered(projects, maintainer):
    siblings = siblings_of(projects["docopt"], user=maintainer, at=AT)
    found = {one.project.name: (one.is_proven, one.has_consent) for one in siblings}
    assert found == {
        "brie": (True, False),
        "docopt": (True, False),
        "tilsit": (False, False),
    }


def test_each_gets_a_consent_of_its_own(projects, maintainer, upstream_says):
    given = give(maintainer, projects["docopt"], ["brie", "docopt"])
    assert [one.problem for one in given] == ["", ""]
    assert set(Consent.objects.values_list("project__name", flat=True)) == {"brie", "docopt"}


@pytest.mark.parametrize(
    ("name", "problem"),
    [("tilsit", "Nothing shows yet"), ("rind", "does not say"), ("unknown", "does not say")],
)
def test_what_is_not_proven_or_not_of_it_gets_none(
    projects, maintainer, upstream_says, name, problem
):
    first, second = give(maintainer, projects["docopt"], [name, "brie"])
    assert first.consent is None
    assert problem in first.problem
    assert second.consent is not None


def test_it_goes_round_no_objection(projects, maintainer, administrator, upstream_says):
    co_owner = make_user("co-owner")
    prove(co_owner, projects["brie"], administrator)
    first = consent(maintainer, projects["brie"], specifiers="==1.0")
    object_to(consent=first, user=co_owner, reason="", at=LATER)
    first, second = give(maintainer, projects["docopt"], ["brie", "docopt"])
    assert first.consent is None
    assert "co-owner objects to a consent for brie" in first.problem
    assert second.consent is not None


def test_what_left_the_organisation_meanwhile_gets_none(projects, maintainer, upstream_says):
    upstream_says["brie"] = "elsewhere"
    (given,) = give(maintainer, projects["docopt"], ["brie"])
    assert "brie" in given.problem
    assert not Consent.objects.exists()


def test_without_an_organisation_there_is_nothing_to_offer(docopt, proof, maintainer):
    with pytest.raises(NoOrganisation, match="docopt"):
        siblings_of(docopt, user=maintainer, at=AT)
