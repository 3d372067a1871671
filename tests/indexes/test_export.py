"""`manage.py export_index`: what a static site has is what ours serves, and only that."""

import gzip
import io
import re
from dataclasses import dataclass
from pathlib import Path

import boto3
import httpx
import pytest
from backports import zstd
from botocore.exceptions import ClientError
from django.core.management import CommandError, call_command

from indexes.domain.names import NormalizedName
from indexes.domain.negotiation import HTML, JSON
from indexes.domain.status import Decision
from indexes.models import File, Page
from indexes.services.curated import Terms, create_index
from indexes.services.export import export_index, site_at
from indexes.services.standing import decide
from indexes.storage import site as sites
from indexes.storage.site import MANIFEST, FolderSite
from tests import servers
from tests.indexes.conformance.test_negotiation import UNFIT, WISHES
from tests.indexes.conftest import METADATA, NAME
from tests.indexes.installers import INSTALLERS
from tests.indexes.wheels import make_wheel, metadata_of

pytestmark = pytest.mark.django_db
CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx-export.conf"
HIDDEN = Decision.WITHDRAWN
ENDINGS = [f"index.{form}{coding}" for form in ("html", "json") for coding in ("", ".gz", ".zst")]
OTHER_KINDS = [
    f"projects/{NAME}/simple",
    "platforms/manylinux_2_36_x86_64/simple",
    "as-of/2026-04-01/simple",
    "o/dairy/public/simple",
]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "export"


def run(target, *options):
    out = io.StringIO()
    call_command("export_index", str(target), *options, stdout=out)
    return out.getvalue().strip()


def files_of(folder):
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path for path in found if path.name != MANIFEST}


def inodes(folder):
    """Each file is replaced when it is written: another inode is another writing."""
    return {path: file.stat().st_ino for path, file in files_of(folder).items()}


def folders_of(paths):
    return {path.rpartition("/")[0] for path in paths}


# What is written


@pytest.mark.parametrize("kind", ["simple", "wheels/simple", *OTHER_KINDS])
@pytest.mark.parametrize("form", [(JSON, "index.json"), (HTML, "index.html")])
@pytest.mark.usefixtures("ours")
def test_a_page_is_what_the_site_serves(client, folder, farm, kind, form):
    create_index(tenant="dairy", slug="public", terms=Terms([NAME]), at=farm.now)
    accept, name = form
    run(folder, "--index", kind)
    for path in (f"/{kind}/", f"/{kind}/{NAME}/"):
        served = client.get(path, headers={"accept": accept}).content
        file = folder / path.strip("/") / name
        assert file.read_bytes() == served
        assert gzip.decompress(file.with_name(f"{name}.gz").read_bytes()) == served
        assert zstd.decompress(file.with_name(f"{name}.zst").read_bytes()) == served


def test_a_file_is_what_the_site_gives(client, folder, ours):
    run(folder)
    url = f"/files/{ours.sha256}/{ours.filename}"
    assert (folder / url[1:]).read_bytes() == b"".join(client.get(url).streaming_content)
    for ending in (".metadata", ".provenance"):
        assert (folder / f"{url[1:]}{ending}").read_bytes() == client.get(url + ending).content


def test_it_has_the_overlay_and_the_wheels_and_no_more(folder, ours):
    assert run(folder) == "27 files written, 0 unchanged, 0 deleted."
    pages = [
        f"{index}{name}" for index in ("", "wheels/") for name in ("simple/", f"simple/{NAME}/")
    ]
    file = f"files/{ours.sha256}/{ours.filename}"
    files = {file, f"{file}.metadata", f"{file}.provenance"}
    assert files_of(folder).keys() == {page + name for page in pages for name in ENDINGS} | files


def test_the_index_of_a_project_has_its_files_alone(folder, farm, ours, upstream):
    upstream.add_sdist("alpha", "1.0")
    farm.enrol(NormalizedName("alpha"))
    farm.publish(name="alpha", version="1.0")
    run(folder, "--index", f"projects/{NAME}/simple")
    assert folders_of(files_of(folder)) == {
        f"projects/{NAME}/simple",
        f"projects/{NAME}/simple/{NAME}",
        f"files/{ours.sha256}",
    }


@pytest.mark.parametrize(
    "index",
    [
        *("", "nothing", "projects/-x-/simple", "platforms/toaster/simple", "o/x/y/simple"),
        *("as-of/2026-02-30/simple", "as-of/9999-12-31/simple"),
    ],
)
def test_what_is_no_index_is_said(folder, ours, index):
    with pytest.raises(CommandError, match="There is no index"):
        run(folder, "--index", index)
    assert not folder.exists()


def test_an_empty_site_has_its_roots(folder):
    assert run(folder) == "12 files written, 0 unchanged, 0 deleted."
    assert b"Simple index" in (folder / "simple" / "index.html").read_bytes()


def test_a_second_export_writes_nothing(folder, ours, django_assert_max_num_queries):
    run(folder)
    before = inodes(folder)
    with django_assert_max_num_queries(6):
        assert run(folder) == "0 files written, 27 unchanged, 0 deleted."
    assert inodes(folder) == before


def test_a_change_writes_what_it_touches(folder, farm, ours, upstream):
    upstream.add_sdist("alpha", "1.0")
    farm.enrol(NormalizedName("alpha"))
    run(folder)
    before = inodes(folder)
    upstream.add_sdist("alpha", "2.0")
    farm.refresh(NormalizedName("alpha"))
    assert run(folder) == "6 files written, 27 unchanged, 0 deleted."
    after = inodes(folder)
    assert folders_of(path for path in after if after[path] != before[path]) == {"simple/alpha"}


def test_files_come_before_pages_and_roots_last(folder, ours, monkeypatch):
    written = []
    replace = FolderSite._replace
    monkeypatch.setattr(
        FolderSite,
        "_replace",
        lambda site, key, content: (written.append(key), replace(site, key, content)),
    )
    run(folder)
    kinds = ["file" if key.startswith("files/") else key.count("/") for key in written[1:-1]]
    assert kinds[:3] == ["file"] * 3
    assert {key.rpartition("/")[0] for key in written[-9:-1]} == {"simple", "wheels/simple"}


def test_what_is_gone_is_deleted_and_nothing_else(folder, farm, ours, upstream):
    run(folder)
    (folder / "simple" / "robots.txt").write_text("mine")
    upstream.remove_project(NAME)
    farm.confirm()
    assert run(folder) == "12 files written, 3 unchanged, 12 deleted."
    assert not (folder / "simple" / NAME).exists()
    assert (folder / "simple" / "robots.txt").read_text() == "mine"


def test_what_lock_files_name_stays_and_what_is_quarantined_goes(folder, farm, ours, upstream):
    file = folder / "files" / ours.sha256 / ours.filename
    upstream.add_file(NAME, "python_levenshtein-0.12.2-py3-none-any.whl")
    farm.refresh()
    run(folder)
    assert file.exists()
    assert not (folder / "wheels" / "simple" / NAME).exists()
    upstream.add_project(NAME, status="quarantined")
    farm.refresh()
    run(folder)
    assert not file.parent.exists()


@pytest.mark.parametrize("survived", [0, 1, 5, 7])
def test_a_run_that_died_is_made_good(folder, farm, ours, monkeypatch, survived):
    """Whatever it had written is written again, also when the site has gone back meanwhile."""
    run(folder)
    before = {path: file.read_bytes() for path, file in files_of(folder).items()}
    farm.upstream.yank(NAME, "0.12.2", reason="broken")
    farm.refresh()
    left = iter(range(survived))
    write = FolderSite.write
    monkeypatch.setattr(FolderSite, "write", lambda *given: (next(left), write(*given)))
    with pytest.raises(StopIteration):
        run(folder)
    monkeypatch.undo()
    farm.upstream.unyank(NAME, "0.12.2")
    farm.refresh()
    run(folder)
    after = {path: file.read_bytes() for path, file in files_of(folder).items()}
    assert _unserialled(after) == _unserialled(before)


@pytest.fixture
def meanwhile(monkeypatch):
    """Have something happen while an export runs, before its first file is written."""

    def happen(act):
        write = FolderSite.write

        def after_it(site, given):
            monkeypatch.setattr(FolderSite, "write", write)
            act()
            return write(site, given)

        monkeypatch.setattr(FolderSite, "write", after_it)

    return happen


def links_of(folder):
    """What the pages name of ours, and what is there."""
    pages = b"".join(page.read_bytes() for page in folder.rglob("index.html"))
    named = {path.decode() for path in re.findall(rb'href="/(files/[^#"]+)', pages)}
    return named, {str(path.relative_to(folder)) for path in folder.rglob("*.whl")}


def test_what_is_published_meanwhile_is_listed_once_it_is_there(folder, farm, ours, meanwhile):
    meanwhile(lambda: farm.publish("py3-none-any"))
    for count in (1, 2):
        run(folder)
        named, there = links_of(folder)
        assert named <= there
        assert len(there) == count
    assert len(named) == 2


def test_what_is_quarantined_meanwhile_is_not_written(folder, farm, ours, meanwhile):
    bad = Decision.QUARANTINED
    meanwhile(lambda: decide(files=File.objects.all(), decision=bad, reason="x", at=farm.now))
    run(folder)
    assert links_of(folder)[1] == set()


def test_a_page_that_changes_meanwhile_and_goes_back_is_written(folder, farm, ours, meanwhile):
    """Also when it is gone in between, as of a project that has one wheel of ours."""
    run(folder, "--index", "simple")
    meanwhile(lambda: decide(files=File.objects.all(), decision=HIDDEN, reason="x", at=farm.now))
    run(folder)
    decide(files=File.objects.all(), decision=None, reason="", at=farm.now)
    run(folder)
    page = Page.objects.get(path=f"/wheels/simple/{NAME}/", media_type=JSON)
    assert (folder / f"wheels/simple/{NAME}/index.json").read_bytes() == bytes(page.body)


def _unserialled(contents):
    """Upstream's serial goes on, though its page has come back."""
    plain = {path: body for path, body in contents.items() if not path.endswith((".gz", ".zst"))}
    return {path: re.sub(rb'"_last-serial":\d+', b"", body) for path, body in plain.items()}


def test_a_folder_of_something_else_is_left_alone(tmp_path, ours):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(CommandError, match="no export of ours"):
        run(tmp_path)
    assert [path.name for path in tmp_path.glob("simple")] == []


def test_files_may_be_links_to_where_they_are_kept(folder, tmp_path, settings, farm, project):
    settings.AFFINEUR_STORAGE = "local"
    settings.AFFINEUR_STORAGE_ROOT = tmp_path / "storage"
    ours = farm.publish()
    run(folder, "--files", "link")
    link = folder / "files" / ours.sha256 / ours.filename
    assert link.is_symlink()
    assert link.stat().st_size == ours.size
    assert run(folder, "--files", "link") == "0 files written, 27 unchanged, 0 deleted."


def test_links_lead_nowhere_from_a_bucket_or_to_one(folder, ours, credentials):
    for target in (folder, "s3://wheels/export"):
        with pytest.raises(CommandError, match="copy them"):
            run(target, "--files", "link")


# To a bucket


@dataclass(frozen=True, slots=True)
class Bucket:
    endpoint: str
    target: str = "s3://wheels/export"

    def listing(self):
        client = boto3.client("s3", endpoint_url=self.endpoint, region_name="us-east-1")
        pages = client.get_paginator("list_objects_v2").paginate(Bucket="wheels")
        return {item["Key"] for page in pages for item in page.get("Contents", [])}

    def head(self, key):
        client = boto3.client("s3", endpoint_url=self.endpoint, region_name="us-east-1")
        return client.head_object(Bucket="wheels", Key=key)

    def export(self):
        """What was put, by key, and what the export counted."""
        site, put = site_at(self.target), []
        events = site._client.meta.events  # noqa: SLF001 - every request that is made
        events.register(
            "provide-client-params.s3.PutObject", lambda params, **_: put.append(params["Key"])
        )
        return put, export_index(site=site, indexes=["simple", "wheels/simple"])


@pytest.fixture(scope="module")
def credentials():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_ACCESS_KEY_ID", "tests")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
        yield


@pytest.fixture
def rclone(credentials, settings):
    """A real server, which keeps no headers."""
    with servers.s3(is_public=True) as environment:
        settings.AFFINEUR_S3_ENDPOINT = environment["AFFINEUR_S3_ENDPOINT"]
        yield Bucket(settings.AFFINEUR_S3_ENDPOINT)


@pytest.fixture
def moto(credentials, settings):
    """A server that keeps headers."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings.AFFINEUR_S3_ENDPOINT = f"http://{host}:{port}"
    client = boto3.client("s3", endpoint_url=settings.AFFINEUR_S3_ENDPOINT, region_name="us-east-1")
    client.create_bucket(Bucket="wheels")
    yield Bucket(settings.AFFINEUR_S3_ENDPOINT)
    server.stop()


def test_a_bucket_gets_what_a_folder_gets(rclone, folder, ours):
    rclone.export()
    run(folder)
    wanted = {*files_of(folder), MANIFEST}
    assert rclone.listing() == {f"export/{key}" for key in wanted}


def test_a_second_export_uploads_what_changed_and_no_more(rclone, farm, ours, upstream):
    upstream.add_sdist("alpha", "1.0")
    farm.enrol(NormalizedName("alpha"))
    rclone.export()
    assert rclone.export()[0] == []
    upstream.yank("alpha", "1.0", reason="broken")
    farm.refresh(NormalizedName("alpha"))
    put, exported = rclone.export()
    page = [f"export/simple/alpha/{name}" for name in ENDINGS]
    manifest = f"export/{MANIFEST}"
    assert sorted(put[1:-1]) == sorted(page)
    assert (put[0], put[-1]) == (manifest, manifest)
    assert (exported.written, exported.deleted) == (6, 0)


def test_what_is_gone_is_deleted_from_a_bucket(rclone, farm, ours, upstream):
    rclone.export()
    upstream.remove_project(NAME)
    farm.confirm()
    assert rclone.export()[1].deleted == 12
    assert not [key for key in rclone.listing() if f"simple/{NAME}/" in key]


def test_a_bucket_of_something_else_is_left_alone(rclone, ours):
    client = boto3.client("s3", endpoint_url=rclone.endpoint, region_name="us-east-1")
    client.put_object(Bucket="wheels", Key="export/thesis.tex", Body=b"mine")
    with pytest.raises(sites.NotAnExport):
        rclone.export()
    assert rclone.listing() == {"export/thesis.tex"}


def test_objects_carry_the_headers_that_a_cdn_is_to_give(moto, ours):
    moto.export()
    page = moto.head(f"export/simple/{NAME}/index.json.gz")
    assert (page["ContentType"], page["ContentEncoding"]) == (JSON, "gzip")
    assert page["CacheControl"] == "public, max-age=60, stale-while-revalidate=60"
    plain = moto.head(f"export/simple/{NAME}/index.html")
    assert plain["ContentType"] == "text/html; charset=utf-8"
    assert "ContentEncoding" not in plain
    file = moto.head(f"export/files/{ours.sha256}/{ours.filename}")
    assert file["ContentType"] == "application/octet-stream"
    assert file["CacheControl"] == "public, max-age=31536000, immutable"
    with pytest.raises(ClientError):
        moto.head("export/nothing")


# Through nginx


DEMO = NormalizedName("demo")


@pytest.fixture
def demo(farm, upstream):
    """A wheel that real installers take."""
    upstream.add_sdist(DEMO, "1.0")
    farm.enrol(DEMO)
    return farm.publish(
        "py3-none-any",
        name=DEMO,
        version="1.0",
        content=make_wheel(DEMO),
        metadata=metadata_of(DEMO),
    )


def served_by(text, *, listen, **replaced):
    """The shipped configuration with this site's places in it, of which one server is asked."""
    other = {8080: 8081, 8081: 8080}[listen]
    for old, new in replaced.items():
        text = text.replace(PLACES[old], new)
    text = text.replace(f"listen {listen};", "listen 127.0.0.1:PORT;")
    return servers.nginx(
        text.replace(f"listen {other};", f"listen 127.0.0.1:{servers.free_port()};")
    )


PLACES = {
    "folder": "/srv/affineur-export",
    "bucket": "bucket.example:9000",
    "upstream": "https://upstream.example/simple",
}


@pytest.fixture
def from_folder(demo, ours, upstream):
    text = CONFIGURATION.read_text()
    with (
        servers.short_folder() as folder,
        upstream.serve() as url,
        served_by(
            text, listen=8080, folder=str(folder), bucket="127.0.0.1:9", upstream=url.rstrip("/")
        ) as site,
    ):
        # nginx reads it as nobody.
        folder.chmod(0o755)
        run(folder)
        yield site


@pytest.fixture
def from_bucket(rclone, demo, ours, upstream):
    rclone.export()
    text = CONFIGURATION.read_text()
    bucket = rclone.endpoint.removeprefix("http://")
    with (
        upstream.serve() as url,
        served_by(text, listen=8081, bucket=bucket, upstream=url.rstrip("/")) as site,
    ):
        yield site


@pytest.fixture(params=["from_folder", "from_bucket"])
def static(request):
    """The site as nginx serves it, from either."""
    return request.getfixturevalue(request.param)


@pytest.mark.any_database
@pytest.mark.parametrize("index", ["simple/", "wheels/simple/"])
def test_installers_install_from_it(static, tmp_path, index):
    for name, install in INSTALLERS.items():
        target = tmp_path / name
        done = install(f"{static}/{index}", target, "demo")
        assert done.returncode == 0, done.stderr
        assert (target / "demo.py").read_text() == "made_by = 'affineur'\n"


@pytest.mark.any_database
def test_it_negotiates_as_the_application_does(static, subtests):
    for path in ("/simple/", f"/simple/{NAME}/"):
        for accept, expected in {**WISHES, "*/*": "text/html", JSON: JSON, HTML: HTML}.items():
            with subtests.test(path=path, accept=accept):
                answer = httpx.get(f"{static}{path}", headers={"accept": accept})
                assert answer.status_code == 200
                assert answer.headers["content-type"].partition(";")[0] == expected
                assert answer.headers["vary"] == "Accept, Accept-Encoding"
                assert answer.headers["cache-control"].startswith("public, max-age=60")
        for accept in UNFIT:
            with subtests.test(path=path, accept=accept):
                answer = httpx.get(f"{static}{path}", headers={"accept": accept})
                assert answer.status_code == 406
                assert answer.headers["vary"] == "Accept, Accept-Encoding"


@pytest.mark.any_database
def test_it_compresses_for_who_takes_that(static, client):
    url = f"{static}/simple/{NAME}/"
    served = client.get(f"/simple/{NAME}/", headers={"accept": JSON}).content
    for encoding, coded in (("gzip", "gzip"), ("gzip;q=0", None), ("identity", None)):
        answer = httpx.get(url, headers={"accept": JSON, "accept-encoding": encoding})
        assert answer.headers.get("content-encoding") == coded
        assert answer.content == served
    first = httpx.get(url, headers={"accept": JSON})
    again = httpx.get(url, headers={"accept": JSON, "if-none-match": first.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.any_database
def test_it_sends_on_what_it_does_not_have(static, upstream):
    upstream.add_sdist("stranger", "1.0")
    sent = httpx.get(f"{static}/simple/stranger/", headers={"accept": JSON})
    assert (sent.status_code, sent.headers["location"]) == (
        302,
        f"{upstream.url}/simple/stranger/",
    )
    assert httpx.get(f"{static}/wheels/simple/stranger/").status_code == 404
    slashed = httpx.get(f"{static}/simple/{NAME}")
    assert (slashed.status_code, slashed.headers["location"]) == (301, f"/simple/{NAME}/")
    for hidden in (f"/{MANIFEST}", f"/.json/simple/{NAME}/index.json"):
        assert httpx.get(static + hidden).status_code == 404


@pytest.mark.any_database
def test_files_are_immutable_and_come_in_parts(static, ours):
    url = f"{static}/files/{ours.sha256}/{ours.filename}"
    part = httpx.get(url, headers={"range": "bytes=1-3"})
    assert part.status_code in {206, 200}  # rclone sends a part, and calls it the whole
    assert (len(part.content), part.headers["content-range"]) == (3, f"bytes 1-3/{ours.size}")
    assert part.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert part.headers["content-type"] == "application/octet-stream"
    metadata = httpx.get(f"{url}.metadata")
    assert metadata.content == METADATA
    assert metadata.headers["content-type"] == "text/plain; charset=utf-8"
    assert httpx.get(f"{url}.provenance").json() == File.objects.get(pk=ours.pk).provenance
