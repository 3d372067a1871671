"""Curated indexes: an organisation's own choice of projects, under its rules.

Their pages are made when they are asked for, like those of a platform: what they list follows
the project's rows, the index's rules, and the time, by which releases come of age. `curated_stamp`
tells when a page that was made is still what would be made.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from indexes.domain.curation import LONGEST_AGE, Known, LeftOut, Rules, curate
from indexes.domain.licences import one_licence
from indexes.domain.names import NormalizedName, parse_project_name
from indexes.domain.negotiation import Encoding
from indexes.domain.simple import ProjectPage, RootPage
from indexes.domain.status import Standing
from indexes.errors import IndexesError
from indexes.models import CuratedIndex, File, Project, ReaderToken, ReleaseLicence
from indexes.services.pages import (
    ServedPage,
    overlay_path,
    page_forms,
    read_overlay,
    root_forms,
    served,
    stored_page,
)
from indexes.services.proxy import proxied_page
from indexes.services.standing import overtaken_files
from indexes.upstream import ProjectNotUpstream

MOST_PROJECTS = 2_000
_USE_WRITTEN_EVERY = timedelta(minutes=1)


class IndexNameTaken(IndexesError):
    code = "index-name-taken"

    def __init__(self, tenant: str, slug: str) -> None:
        self.tenant = tenant
        self.slug = slug
        super().__init__(f"{tenant} has an index {slug} already: choose another name, or edit it.")


class InvalidTerms(IndexesError):
    """What an index was to be cannot be."""

    code = "invalid-index"

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"The index was not changed: {problem}.")


class CredentialsNeeded(IndexesError):
    """Nobody's token came with it, and there may be a private index."""

    code = "credentials-needed"

    def __init__(self) -> None:
        super().__init__(
            "There is no public index here. If you have a token for a private one, send it as the"
            " password of the user __token__."
        )


class NoSuchIndex(IndexesError):
    code = "no-such-index"

    def __init__(self, tenant: str, slug: str) -> None:
        self.tenant = tenant
        self.slug = slug
        super().__init__(f"There is no index {tenant}/{slug} that your token may read.")


@dataclass(frozen=True, slots=True)
class Terms:
    """What an index lists, and to whom."""

    projects: Sequence[str]
    is_private: bool = False
    rules: Rules = field(default_factory=Rules)


@dataclass(frozen=True, slots=True)
class Curated:
    """A project's page of an index, and what its rules leave out."""

    page: ProjectPage
    left_out: tuple[LeftOut, ...]
    project: Project | None
    """None where it is one that we do not follow: then it is upstream's page."""


@transaction.atomic
def create_index(*, tenant: str, slug: str, terms: Terms, at: datetime) -> CuratedIndex:
    """Raises `IndexNameTaken`, `InvalidTerms`, `InvalidProjectName`, `NotOneLicence`."""
    index = CuratedIndex(tenant=tenant, slug=slug, created_at=at)
    _set_terms(index, terms, at)
    try:
        with transaction.atomic():
            index.save(force_insert=True)
    except IntegrityError as error:
        raise IndexNameTaken(tenant, slug) from error
    return index


@transaction.atomic
def change_index(*, index: CuratedIndex, terms: Terms, at: datetime) -> CuratedIndex:
    """What it lists from now on. Raises `InvalidTerms`, `InvalidProjectName`, `NotOneLicence`."""
    index = CuratedIndex.objects.select_for_update().get(pk=index.pk)
    _set_terms(index, terms, at)
    index.save()
    return index


@transaction.atomic
def delete_index(*, index: CuratedIndex) -> None:
    """Its address answers no more; files that it listed stay where they are."""
    index.delete()


def _set_terms(index: CuratedIndex, terms: Terms, at: datetime) -> None:
    projects = sorted({parse_project_name(name) for name in terms.projects})
    if not projects:
        raise InvalidTerms("it lists no project; name at least one")
    if len(projects) > MOST_PROJECTS:
        raise InvalidTerms(f"{len(projects)} projects are more than {MOST_PROJECTS}")
    if not 0 <= terms.rules.min_age_days <= LONGEST_AGE:
        raise InvalidTerms(f"the age of releases is between 0 and {LONGEST_AGE} days")
    index.projects = projects
    index.is_private = terms.is_private
    index.licences = list(dict.fromkeys(map(one_licence, terms.rules.licences)))
    index.reproducible_only = terms.rules.reproducible_only
    index.min_age_days = terms.rules.min_age_days
    index.without_superseded = terms.rules.without_superseded
    index.changed_at = at


# Who may read


@transaction.atomic
def add_reader_token(
    *,
    tenant: str,
    name: str,
    prefix: str,
    secret: str,
    expires_at: datetime | None,
    at: datetime,
) -> ReaderToken:
    """Let who has the secret read every index of the tenant. Only its hash is kept."""
    return ReaderToken.objects.create(
        tenant=tenant,
        name=name,
        prefix=prefix,
        token_hash=_hash(secret),
        created_at=at,
        expires_at=expires_at,
    )


@transaction.atomic
def revoke_reader_token(*, tenant: str, token_id: UUID, at: datetime) -> bool:
    """End it at once; False when the tenant has no such token that is not revoked."""
    live = ReaderToken.objects.filter(pk=token_id, tenant=tenant, revoked_at=None)
    return bool(live.update(revoked_at=at))


def find_readable(*, tenant: str, slug: str, secret: str | None, at: datetime) -> CuratedIndex:
    """The index, if it is public or the secret is a live token of its tenant.

    Without a live token what is private and what does not exist look the same
    (`CredentialsNeeded`); so they do to a token of another tenant (`NoSuchIndex`).
    """
    index = CuratedIndex.objects.filter(tenant=tenant, slug=slug).first()
    if index is not None and not index.is_private:
        return index
    token = _live_token(secret, at)
    if token is None:
        raise CredentialsNeeded
    if index is None or token.tenant != index.tenant:
        raise NoSuchIndex(tenant, slug)
    return index


def _live_token(secret: str | None, at: datetime) -> ReaderToken | None:
    """Writes its use once a minute at most."""
    if not secret:
        return None
    live = Q(expires_at=None) | Q(expires_at__gt=at)
    token = ReaderToken.objects.filter(live, token_hash=_hash(secret), revoked_at=None).first()
    if token and (token.last_used_at is None or token.last_used_at <= at - _USE_WRITTEN_EVERY):
        ReaderToken.objects.filter(pk=token.pk).update(last_used_at=at)
    return token


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


# Pages


def curated_stamp(
    *, tenant: str, slug: str, name: str, media_type: str, secret: str | None, at: datetime
) -> object:
    """A value that differs whenever the answer for that reader may (`pages.page_stamp`).

    It equals nothing where the answer rests on more than the index's terms, the reader's token and
    the project's page of the overlay: on when a release comes of age, on what is known of licences
    and of second builds, on what upstream says of a project that we do not follow.
    """
    try:
        index = find_readable(tenant=tenant, slug=slug, secret=secret, at=at)
    except (CredentialsNeeded, NoSuchIndex) as error:
        return error.code
    terms = (index.pk, index.changed_at, index.is_private)
    if not name:
        return terms
    page = stored_page(path=overlay_path(name), media_type=media_type)
    etag = page.values_list("etag", flat=True).first()
    if etag is None or not index.rules.go_by_the_page:
        return object()
    overtaken = File.objects.filter(project__name=name, standing=Standing.SUPERSEDED)
    kept = overtaken.order_by("pk").values_list("pk", "decision", "decision_reason")
    return terms, etag, () if index.without_superseded else tuple(kept)


def find_curated_root(*, index: CuratedIndex, media_type: str, encoding: Encoding) -> ServedPage:
    """Every project that was chosen: which of them have files, their pages say."""
    root = RootPage(tuple(map(NormalizedName, index.projects)))
    return served(root_forms(root), media_type, encoding=encoding)


def find_curated_page(
    *, index: CuratedIndex, name: NormalizedName, media_type: str, encoding: Encoding, at: datetime
) -> ServedPage | None:
    """None for a project that was not chosen, or has no file that the rules let through.

    Raises `UpstreamUnreachable` and `UpstreamInvalid` for projects that we do not follow.
    """
    found = read_curated(index=index, name=name, at=at)
    if found is None or (found.left_out and not found.page.files):
        return None
    return served(page_forms(found.page), media_type, encoding=encoding, project=found.project)


def read_curated(*, index: CuratedIndex, name: NormalizedName, at: datetime) -> Curated | None:
    """A project of the index, as its rules have it now; None where there is no such project.

    Raises `UpstreamUnreachable` and `UpstreamInvalid` for projects that we do not follow.
    """
    if name not in index.projects:
        return None
    project = Project.objects.enrolled().filter(name=name).first()
    overtaken = [] if project is None else overtaken_files(project=project)
    page = _proxied(name, at) if project is None else read_overlay(project, besides=overtaken)
    if page is None:
        return None
    kept, left_out = curate(page, index.rules, _known(name, project, overtaken), at=at)
    return Curated(kept, left_out, project)


def _proxied(name: NormalizedName, at: datetime) -> ProjectPage | None:
    """A redirect, as the overlay gives for what it does not follow, would lead past the rules."""
    try:
        return proxied_page(name=name, at=at)
    except ProjectNotUpstream:
        return None


def _known(name: NormalizedName, project: Project | None, overtaken: Iterable[File]) -> Known:
    """Of a release, what our own wheel states goes before what we read upstream."""
    stated = ReleaseLicence.objects.filter(project=name).values_list("version", "expression")
    licences = dict(stated)
    ours: dict[str, bool | None] = {}
    if project is not None:
        listed = Q(standing__in=[Standing.LISTED, Standing.YANKED, Standing.SUPERSEDED])
        files = File.objects.filter(listed, project=project).order_by("pk")
        rows = files.values_list("filename", "version", "licence", "is_reproducible")
        for filename, version, licence, is_reproducible in rows:
            ours[filename] = is_reproducible
            licences[version] = licence or licences.get(version, "")
    return Known(licences, ours, frozenset(file.filename for file in overtaken))
