"""The sandbox's limits by control groups v2, under a kernel that has nothing else.

Elsewhere the suites run on v1 and without any group; few machines can do both v1 and v2.
"""

import re

import pytest

from tests.vm.inside import USERS
from tests.vm.machine import boot, missing

SECONDS = 1800
"""Every instruction is emulated: ten minutes are common on two busy processors."""


@pytest.mark.vm
@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.skipif(bool(missing()), reason=f"no virtual machine without {missing()}: make test-vm")
def test_the_suites_hold_on_control_groups_v2(tmp_path):
    said = boot(tmp_path, SECONDS)
    print(said)

    assert re.findall(r"^(\w+): exit 0 after", said, re.MULTILINE) == list(USERS)
    assert not re.search(r"SKIPPED .*(unified|control group)", said)
