import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.domain.ranges import ByteRange, RangeNotSatisfiable, parse_range


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", ByteRange(0, 0)),
        ("bytes=0-99", ByteRange(0, 9)),
        ("bytes=3-5", ByteRange(3, 5)),
        ("bytes=4-", ByteRange(4, 9)),
        ("bytes=-3", ByteRange(7, 9)),
        ("bytes=-99", ByteRange(0, 9)),
        (None, None),
        ("", None),
        ("bytes=-", None),
        ("bytes=5-3", None),
        ("bytes=0-1,4-5", None),
        ("lines=0-1", None),
        ("bytes=a-b", None),
    ],
)
def test_one_range_is_read_and_all_else_is_the_whole(header, expected):
    assert parse_range(header, size=10) == expected


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=-1", 0)])
def test_a_range_outside_the_file_is_refused(header, size):
    with pytest.raises(RangeNotSatisfiable) as caught:
        parse_range(header, size=size)
    assert caught.value.size == size


@given(st.integers(0, 99), st.integers(0, 99), st.integers(100, 200))
def test_a_range_is_the_bytes_it_names(start, more, size):
    content = bytes(index % 251 for index in range(size))
    part = parse_range(f"bytes={start}-{start + more}", size=size)
    assert content[part.start : part.end + 1] == content[start : start + more + 1]
    assert part.length == len(content[start : start + more + 1])
