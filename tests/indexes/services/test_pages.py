"""How a page is found: a search of one index, however many pages there are."""

import json

import pytest
from django.db import connection
from django.utils import timezone

from indexes.domain.negotiation import HTML, JSON, Encoding
from indexes.models import Page
from indexes.services.pages import find_page, page_stamp, stored_page

pytestmark = pytest.mark.django_db
FORMS = (JSON, HTML)


@pytest.fixture
def many_pages():
    """Enough that a planner does not read them all for one."""
    now = timezone.now()
    Page.objects.bulk_create(
        Page(
            path=f"/simple/project-{number}/",
            media_type=form,
            body=b"x" * 100,
            gzip_body=b"y" * 100,
            etag='"e"',
            rendered_at=now,
        )
        for number in range(2000)
        for form in FORMS
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE indexes_page")


def plan_of(queryset) -> str:
    """What the database is going to do, in its own words."""
    options = {"format": "JSON"} if connection.vendor == "postgresql" else {}
    return queryset.explain(**options)


def steps_of(plan: str) -> list[str]:
    """Each step of the plan: PostgreSQL's kinds of nodes, or SQLite's lines."""
    if connection.vendor == "sqlite":
        return [line.partition(" ")[2].lstrip("0123456789 ") for line in plan.splitlines()]
    steps, nodes = [], [json.loads(plan)[0]["Plan"]]
    for node in nodes:
        steps.append(f"{node['Node Type']} {node.get('Index Name', '')}")
        nodes += node.get("Plans", [])
    return steps


@pytest.mark.parametrize(
    "columns",
    [("body", "etag"), ("zstd_body", "zstd_etag", "etag", "unverified_since"), ("etag",)],
)
def test_a_page_is_found_by_its_key_alone(many_pages, columns):
    rows = stored_page(path="/simple/project-77/", media_type=JSON).values_list(*columns)
    steps = steps_of(plan_of(rows.order_by("path", "media_type")[:1]))
    is_search = [
        step.startswith("SEARCH indexes_page USING INDEX") or "Index Scan" in step
        for step in steps
        if not step.startswith("Limit")
    ]
    assert is_search == [True], steps
    assert not any("Sort" in step or "TEMP B-TREE" in step for step in steps)


@pytest.mark.parametrize("encoding", ["zstd", "gzip", "identity"])
def test_one_look_up_serves_a_page(farm, ours, django_assert_num_queries, encoding):
    path = f"/simple/{ours.project.name}/"
    with django_assert_num_queries(1):
        assert find_page(path=path, media_type=JSON, encoding=Encoding(encoding))
    with django_assert_num_queries(1):
        assert page_stamp(path=path, media_type=JSON, name=ours.project.name)


def test_publishing_asks_as_much_of_a_large_index_as_of_a_small_one(
    farm, ours, many_pages, django_assert_max_num_queries
):
    with django_assert_max_num_queries(20):
        farm.publish("cp311-cp311-manylinux_2_36_x86_64")
