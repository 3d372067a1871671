"""Random pages, with what makes them awkward: markup, quotes, odd letters, missing fields."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from indexes.domain.names import NormalizedName
from indexes.domain.simple import ListedFile, ProjectPage
from indexes.domain.status import ProjectStatus

TEXT = st.one_of(
    st.just(""),
    st.sampled_from(['"><script>alert(1)</script>', "a & b", "it's broken", "déjà vu", "\u2028"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30),
)
FILENAMES = st.one_of(
    st.sampled_from(
        [
            "demo-1.0.tar.gz",
            "demo-1.0-py3-none-any.whl",
            "demo-1.0+local.1-py3-none-any.whl",
            'demo-1.0"><img src=x>.zip',
            "demo-2.0.tar.gz",
            "démo & co-1.0.zip",
        ]
    ),
    st.from_regex(r"demo-[0-9]{1,2}\.[0-9]\.tar\.gz", fullmatch=True),
)
SHA256 = st.text("0123456789abcdef", min_size=64, max_size=64)


@st.composite
def listed_files(draw, filenames=FILENAMES):
    is_yanked, has_metadata = draw(st.booleans()), draw(st.booleans())
    return ListedFile(
        filename=draw(filenames),
        url=f"https://files.example/{draw(st.integers(0, 99))}/x",
        sha256=draw(st.one_of(st.just(""), SHA256)),
        size=draw(st.one_of(st.none(), st.integers(0, 2**40))),
        uploaded_at=draw(
            st.one_of(
                st.none(),
                st.integers(10**15, 2 * 10**15).map(
                    lambda us: datetime.fromtimestamp(us // 10**6, UTC).replace(
                        microsecond=us % 10**6
                    )
                ),
            )
        ),
        requires_python=draw(st.sampled_from(["", ">=3.8", "!=3.0.*,<4"])),
        is_yanked=is_yanked,
        yanked_reason=draw(TEXT) if is_yanked else "",
        has_metadata=has_metadata,
        metadata_sha256=draw(st.one_of(st.just(""), SHA256)) if has_metadata else "",
        provenance_url=draw(st.sampled_from(["", "https://files.example/p"])),
    )


@st.composite
def pages(draw):
    files = draw(st.lists(listed_files(), max_size=6, unique_by=lambda file: file.filename))
    return ProjectPage(
        name=NormalizedName("demo"),
        status=draw(st.sampled_from([s for s in ProjectStatus if s != ProjectStatus.DELETED])),
        status_reason=draw(TEXT),
        files=tuple(sorted(files, key=lambda file: file.filename)),
        versions=tuple(draw(st.lists(st.sampled_from(["1.0", "2.0", "3.0"]), unique=True))),
        serial=draw(st.one_of(st.none(), st.integers(0, 2**40))),
    )
