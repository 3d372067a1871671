"""The shipped nginx before the index: who gets what it keeps, and how soon a change is seen."""

import base64
import gzip

import pytest
from backports import zstd

from indexes.domain.names import NormalizedName
from indexes.domain.negotiation import HTML, JSON, PLAIN_HTML
from indexes.domain.status import Decision
from indexes.models import File
from indexes.services.curated import Terms, add_reader_token, create_index
from indexes.services.pages import file_url
from indexes.services.standing import decide
from tests import servers
from tests.indexes.conformance.reading import ask
from tests.indexes.serving import serving
from tests.indexes.wheels import make_wheel, metadata_of
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

DEMO = NormalizedName("demo")
VERSION = "1.0+local.1"
PAGE = f"/simple/{DEMO}/"
FILE_TIME = "proxy_cache_valid 200 1m;"
# Seconds. What the two say is two: nginx keeps a page for one, and so does the index before it
# looks again. The rest is for a busy machine.
SEEN_WITHIN = 10
PIP = f"{JSON}, {HTML}; q=0.1, {PLAIN_HTML}; q=0.01"
UV = f"{JSON}, {HTML};q=0.2, {PLAIN_HTML};q=0.01"
BROWSER = f"{PLAIN_HTML},application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
def wheel(farm, upstream) -> File:
    upstream.add_sdist(DEMO, VERSION)
    farm.enrol(DEMO)
    return farm.publish(
        "py3-none-any",
        name=DEMO,
        version=VERSION,
        content=make_wheel(DEMO, VERSION),
        metadata=metadata_of(DEMO, VERSION),
    )


@pytest.fixture
def site(wheel):
    with serving() as index:
        shipped = servers.shipped_nginx(index)
        assert FILE_TIME in shipped
        # Nobody waits for a minute here.
        with servers.nginx(shipped.replace(FILE_TIME, "proxy_cache_valid 200 1s;")) as url:
            yield url


@pytest.fixture
def get(site):
    def get(path, method="GET", **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(site + path, method, sent)

    return get


def basic(secret):
    return f"Basic {base64.b64encode(f'__token__:{secret}'.encode()).decode()}"


def test_each_form_and_coding_is_kept_apart(get):
    decoders = {"gzip": gzip.decompress, "zstd": zstd.decompress, "": bytes}
    wishes = {BROWSER: PLAIN_HTML, HTML: HTML, PIP: JSON, UV: JSON, JSON: JSON, "*/*": PLAIN_HTML}
    codings = {"": "", "gzip, deflate": "gzip", "gzip, deflate, br, zstd": "zstd", "identity": ""}
    first = {}
    for _ in range(2):
        for accept, form in wishes.items():
            for asked, coding in codings.items():
                answer = get(PAGE, accept=accept, accept_encoding=asked)
                assert (answer.media_type, answer["Content-Encoding"]) == (form, coding)
                plain = decoders[coding](answer.body)
                assert plain == first.setdefault(form, plain)
    assert get(PAGE, accept="image/png").status == 406


def test_clients_that_say_the_same_in_other_words_share_what_is_kept(get):
    get(PAGE, accept=PIP, accept_encoding="gzip, deflate")
    again = get(PAGE, accept=UV, accept_encoding="gzip, br")
    assert (again.status, again["X-Cache"]) == (200, "HIT")


def test_what_is_kept_answers_to_etags_and_head(get):
    page = get(PAGE, accept=JSON)
    for _ in range(2):
        same = get(PAGE, accept=JSON, if_none_match=page["ETag"])
        assert (same.status, same.body, same["ETag"]) == (304, b"", page["ETag"])
        head = get(PAGE, "HEAD", accept=JSON)
        assert (head.status, head.body) == (200, b"")
        assert head["Content-Length"] == str(len(page.body))
    other = get(PAGE, accept=HTML, if_none_match=page["ETag"])
    assert (other.status, other.media_type) == (200, HTML)


def test_a_wheel_comes_whole_and_in_parts_by_either_spelling(get, wheel):
    content = make_wheel(DEMO, VERSION)
    quoted = file_url(wheel.sha256, wheel.filename)
    assert "%2B" in quoted
    for path in (quoted, quoted.replace("%2B", "+")) * 2:
        assert get(path).body == content
        part = get(path, range="bytes=2-5")
        assert (part.status, part.body) == (206, content[2:6])
        assert part["Content-Range"] == f"bytes 2-5/{len(content)}"
        assert get(path, "HEAD")["Content-Length"] == str(len(content))
        assert get(path, if_none_match=f'"{wheel.sha256}"').status == 304
        assert get(f"{path}.metadata").body == metadata_of(DEMO, VERSION)


def test_a_change_is_seen_within_the_time_that_is_stated(get, wheel, farm):
    address = file_url(wheel.sha256, wheel.filename)
    assert wheel.filename.encode() in get(PAGE, accept=PLAIN_HTML).body
    assert get(address).status == get(f"{address}.metadata").status == 200
    decide(files=File.objects.all(), decision=Decision.QUARANTINED, reason="bad", at=farm.now)
    wait_until(
        lambda: (
            wheel.filename.encode() not in get(PAGE, accept=PLAIN_HTML).body
            and get(address).status == get(f"{address}.metadata").status == 404
        ),
        SEEN_WITHIN,
    )


def test_what_is_private_is_kept_for_nobody(get, farm):
    for slug, is_private in (("open", False), ("closed", True)):
        terms = Terms([DEMO], is_private=is_private)
        create_index(tenant="dairy", slug=slug, terms=terms, at=farm.now)
    for tenant in ("dairy", "butchers"):
        add_reader_token(
            tenant=tenant, name="ci", prefix="affr", secret=tenant, expires_at=None, at=farm.now
        )
    closed = f"/o/dairy/closed/simple/{DEMO}/"
    for _ in range(2):
        read = get(closed, accept=JSON, authorization=basic("dairy"))
        assert (read.status, read["X-Cache"]) == (200, "MISS")
        assert get(closed, accept=JSON).status == 401
        assert get(closed, accept=JSON, authorization=basic("butchers")).status == 404
    found = [get(f"/o/dairy/open/simple/{DEMO}/", accept=JSON) for _ in range(2)]
    assert [(answer.status, answer["X-Cache"]) for answer in found] == [(200, "MISS"), (200, "HIT")]


def test_nothing_is_written_through_it(get):
    for path in ("/simple/", PAGE, "/o/dairy/open/simple/"):
        answer = get(path, "POST", content_length="0")
        assert (path, answer.status, answer["Allow"]) == (path, 405, "GET, HEAD")
