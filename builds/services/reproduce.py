"""Whether a wheel of ours comes out the same when somebody builds it again."""

import hashlib
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from builds.domain.states import AttemptState
from builds.domain.wheels import retag_wheel
from builds.models import Attempt
from builds.runner.check import read_wheel
from indexes.models import File
from indexes.services.publish import tell_reproducible


def compare_rebuild(*, file: File, wheel: Path, by: str, at: datetime) -> bool:
    """Whether `wheel`, built anew from the same sources, has the published file's contents.

    It is given the build tag and packed as the published one was; then every byte counts. What
    comes of it is kept as a fact of the file: one difference says that it is not reproducible
    until another comparison says that it is. Raises `WheelProblem` for what is no wheel.
    """
    facts = read_wheel(wheel)
    with TemporaryDirectory(prefix="affineur-compare-") as folder:
        packed = Path(folder) / file.filename
        with wheel.open("rb") as source, packed.open("wb") as target:
            retag_wheel(
                source,
                target,
                dist_info=facts.dist_info,
                build_tag=file.build_tag,
                epoch=_epoch(file),
            )
        is_same = hashlib.sha256(packed.read_bytes()).hexdigest() == file.sha256
    tell_reproducible(file=file, is_reproducible=is_same, by=by, at=at)
    return is_same


def _epoch(file: File) -> int:
    """What SOURCE_DATE_EPOCH was in its build; 0 where it had none."""
    made = Attempt.objects.filter(build=file.build_id, state=AttemptState.SUCCEEDED.value)
    attempt = made.order_by("-number").first()
    epoch = attempt.report.get("source_date_epoch") if attempt else None
    return epoch if isinstance(epoch, int) else 0
