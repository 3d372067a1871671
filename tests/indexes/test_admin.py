import pytest
from django.contrib import admin

from indexes.models import (
    CuratedIndex,
    File,
    Page,
    Project,
    ReaderToken,
    ReleaseLicence,
    UpstreamFile,
)
from indexes.services.curated import Terms, add_reader_token, create_index
from tests.indexes.conftest import NAME, NOW

MODELS = pytest.mark.parametrize(
    "model", [CuratedIndex, File, Page, Project, ReaderToken, ReleaseLicence, UpstreamFile]
)


@pytest.fixture
def rows(ours):
    """One of each at least."""
    create_index(tenant="acme", slug="tools", terms=Terms([NAME]), at=NOW)
    add_reader_token(
        tenant="acme", name="ci", prefix="affr_x", secret="affr_xyz", expires_at=None, at=NOW
    )
    ReleaseLicence.objects.create(
        project=NAME, version="0.12.2", expression="MIT", stated_in="x.whl", read_at=NOW
    )


@pytest.fixture
def request_by_staff(rf, admin_user):
    request = rf.get("/admin/")
    request.user = admin_user
    return request


@MODELS
def test_staff_see_rows(request_by_staff, rows, model, django_assert_max_num_queries):
    of_model = admin.site.get_model_admin(model)
    with django_assert_max_num_queries(10):
        listing = of_model.changelist_view(request_by_staff).render()
    row = of_model.change_view(request_by_staff, str(model.objects.first().pk)).render()
    assert str(model.objects.first()) in listing.content.decode() + row.content.decode()


@MODELS
def test_staff_change_nothing_behind_the_services(request_by_staff, rows, model):
    of_model = admin.site.get_model_admin(model)
    assert not of_model.has_add_permission(request_by_staff)
    assert not of_model.has_change_permission(request_by_staff)
    assert not of_model.has_delete_permission(request_by_staff)
