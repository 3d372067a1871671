"""Under copyleft a wheel is listed when its source is kept, and not before."""

import pytest

from builds.models import Build
from indexes.domain.status import Decision, Standing
from indexes.signals import file_published
from indexes.upstream.fake import Fault
from portal.consent.models import KeptSource
from portal.consent.sources import WAITS_FOR_SOURCE, keep_sources, open_source
from portal.requests.services import make_request
from tests.portal.people import AT, CP313, LATER, consent, publish

pytestmark = pytest.mark.django_db


@pytest.fixture
def build(maintainer, docopt, proof, stranger) -> Build:
    consent(maintainer, docopt, licence_expression="LGPL-3.0-or-later")
    asked = make_request(
        user=stranger,
        project_name="docopt",
        specifiers="==0.6.2",
        targets=[CP313],
        reason="",
        at=AT,
    )
    return asked.builds.get()


def published(build: Build):
    file = publish(build)
    file_published.send(type(file), file=file)
    file.refresh_from_db()
    return file


def test_the_source_is_kept_whole_before_the_wheel_is_there(build, client, upstream):
    assert keep_sources(at=LATER) == 1
    kept = KeptSource.objects.get()
    with open_source(kept) as stream:
        assert len(stream.read()) == kept.size
    assert kept.sha256 == build.sdist_sha256
    assert published(build).standing == Standing.LISTED
    page = client.get("/project/docopt/release/0.6.2/").content.decode()
    assert "Sources kept here" in page
    download = client.get(f"/project/docopt/sources/{kept.filename}")
    assert len(b"".join(download.streaming_content)) == kept.size


def test_a_wheel_waits_for_its_source(build, upstream):
    upstream.fail(Fault.UNAVAILABLE, times=9)
    assert keep_sources(at=LATER) == 0
    file = published(build)
    assert (file.standing, file.decision_reason) == (Standing.WITHDRAWN, WAITS_FOR_SOURCE)
    upstream.recover()
    assert keep_sources(at=LATER) == 1
    file.refresh_from_db()
    assert file.standing == Standing.LISTED


def test_what_somebody_else_decided_stays_decided(build, upstream):
    file = published(build)
    type(file).objects.update(decision=Decision.WITHDRAWN.value, decision_reason="malware")
    keep_sources(at=LATER)
    file.refresh_from_db()
    assert (file.standing, file.decision_reason) == (Standing.WITHDRAWN, "malware")


def test_it_is_kept_once(build, upstream):
    keep_sources(at=LATER)
    before = len(upstream.seen)
    assert keep_sources(at=LATER) == 0
    assert len(upstream.seen) == before


def test_a_permissive_licence_asks_for_none(maintainer, docopt, proof, stranger):
    consent(maintainer, docopt, licence_expression="GPL-3.0-only OR MIT")
    make_request(
        user=stranger, project_name="docopt", specifiers="", targets=[CP313], reason="", at=AT
    )
    assert keep_sources(at=LATER) == 0


def test_nothing_else_is_offered(client, db):
    assert client.get("/project/docopt/sources/docopt-9.tar.gz").status_code == 404
