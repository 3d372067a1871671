"""Reading the log of an attempt: as it grows, and as a whole."""

from collections.abc import Iterator

from builds.models import Attempt, LogChunk

CHUNKS_AT_ONCE = 500


def log_since(*, attempt: Attempt, sequence: int) -> list[LogChunk]:
    """Return the next pieces from `sequence` on, in order, as far as none is missing yet.

    At most `CHUNKS_AT_ONCE`. Pieces may arrive out of order: what comes behind a gap waits for
    it while the attempt lasts, so that a reader who goes on after the last piece skips none.
    """
    chunks = list(
        LogChunk.objects.filter(attempt=attempt, sequence__gte=sequence).order_by("sequence")[
            :CHUNKS_AT_ONCE
        ]
    )
    if attempt.ended_at is not None:
        return chunks
    return [chunk for place, chunk in enumerate(chunks) if chunk.sequence == sequence + place]


def log_text(*, attempt: Attempt) -> Iterator[str]:
    """Yield the whole log as plain text, a piece at a time."""
    pieces = LogChunk.objects.filter(attempt=attempt).order_by("sequence")
    return pieces.values_list("text", flat=True).iterator(chunk_size=200)
