"""What hostile builds do, and the name that each gets for it. Nothing of them is left."""

import threading
import time

import pytest

from builds.domain.limits import MEBIBYTE
from builds.executors.base import Ending
from tests.waiting import wait_until

pytestmark = pytest.mark.sandbox

HOG = """
held = []
while True:
    held.append(bytearray(b"x" * 4_000_000))
"""
CHILD_HOG = f"""
import os, time
if os.fork() == 0:
    exec({HOG!r})
os.wait()
time.sleep(60)
"""
FORK_BOMB = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
FEW_FORKS = """
import os, time
for _ in range(50):
    try:
        if os.fork() == 0:
            time.sleep(60)
    except OSError:
        pass
time.sleep(60)
"""
BIG_FILE = """
import time
with open("/build/big", "wb", 0) as file:
    while True:
        file.write(b"x" * 1_000_000)
        time.sleep(0.001)
"""
ENDS_FULL = """
with open("/build/big", "wb") as file:
    file.write(b"x" * 20_000_000)
"""
SMALL_FILES = """
import os
for number in range(1_000_000):
    os.makedirs(f"/build/{number % 100}", exist_ok=True)
    open(f"/build/{number % 100}/{number}", "wb").close()
"""
NAMELESS_FILE = """
import os, time
file = open("/build/gone", "wb", 0)
os.unlink("/build/gone")
while True:
    file.write(b"x" * 1_000_000)
    time.sleep(0.01)
"""
DEEP_TREE = """
import os, time
for _ in range(1000):
    os.mkdir("deeper")
    os.chdir("deeper")
time.sleep(60)
"""
FULL_TMP = """
import time
with open("/tmp/big", "wb", 0) as file:
    try:
        while True:
            file.write(b"x" * 1_000_000)
    except OSError:
        time.sleep(60)
"""
MANY_BURNERS = """
import os
for _ in range(5):
    os.fork()
while True:
    pass
"""
SHORT_BURNERS = """
import os
while True:
    if os.fork() == 0:
        sum(range(2_000_000))
        os._exit(0)
    os.wait()
"""
DAEMON = """
import os, time, signal
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        for descriptor in range(3):
            os.close(descriptor)
        open("/build/alive", "w").close()
        time.sleep(60)
    os._exit(0)
while not os.path.exists("/build/alive"):
    time.sleep(0.01)
"""
STUBBORN = """
import os, signal, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    signal.signal(number, signal.SIG_IGN)
for _ in range(30):
    if os.fork() == 0:
        break
print("ready")
time.sleep(60)
"""

ABUSES = {
    "memory hog": (HOG, Ending.OUT_OF_MEMORY, {"memory": 96 * MEBIBYTE}),
    "memory hog that is a child": (CHILD_HOG, Ending.OUT_OF_MEMORY, {"memory": 96 * MEBIBYTE}),
    "fork bomb": (FORK_BOMB, Ending.TOO_MANY_PROCESSES, {"processes": 30}),
    "a few too many forks": (FEW_FORKS, Ending.TOO_MANY_PROCESSES, {"processes": 30}),
    "one big file": (BIG_FILE, Ending.DISK_FULL, {"disk": 16 * MEBIBYTE}),
    "over the quota at the end": (ENDS_FULL, Ending.DISK_FULL, {"disk": 16 * MEBIBYTE}),
    "many small files": (SMALL_FILES, Ending.DISK_FULL, {"inodes": 500}),
    "a file without a name": (NAMELESS_FILE, Ending.DISK_FULL, {"disk": 16 * MEBIBYTE}),
    "a tree too deep to name": (DEEP_TREE, Ending.DISK_FULL, {"inodes": 50_000}),
    "full /tmp": (FULL_TMP, Ending.DISK_FULL, {"memory": 64 * MEBIBYTE}),
    "CPU burnt by many": (MANY_BURNERS, Ending.CPU_TIME, {"cpu_seconds": 1}),
    "CPU burnt by short-lived": (SHORT_BURNERS, Ending.CPU_TIME, {"cpu_seconds": 1}),
    "log flood": ("while True: print('x' * 1000)", Ending.LOG_FLOOD, {"log_flood": MEBIBYTE}),
    "silence": ("import time; time.sleep(60)", Ending.NO_OUTPUT, {"silence_seconds": 0.3}),
    "hang": (
        "import time\nwhile True: print('.'); time.sleep(0.05)",
        Ending.WALL_TIME,
        {"wall_seconds": 0.5, "silence_seconds": 0.4},
    ),
    "hang behind closed descriptors": (
        "import os, time; os.closerange(0, 3); time.sleep(60)",
        Ending.WALL_TIME,
        {"wall_seconds": 0.5},
    ),
}


@pytest.mark.parametrize("abuse", ABUSES)
def test_an_abuse_has_a_named_ending_and_leaves_nothing(sandbox, abuse):
    code, ending, limits = ABUSES[abuse]

    result = sandbox.python(code, **limits)

    assert result.status.ending is ending, result
    assert result.status.exit_code is None
    assert result.status.wall_seconds < 10


@pytest.mark.parametrize("ending", [Ending.DISK_FULL, Ending.OUT_OF_MEMORY, Ending.CPU_TIME])
def test_the_same_within_its_limits_is_no_abuse(sandbox, ending):
    code = {
        Ending.DISK_FULL: ENDS_FULL,
        Ending.OUT_OF_MEMORY: "held = bytearray(b'x' * 40_000_000)",
        Ending.CPU_TIME: "sum(range(1_000_000))",
    }[ending]

    assert sandbox.python(code).status.is_success


def test_what_a_flood_says_is_kept_up_to_the_limit(sandbox):
    result = sandbox.shell("yes", log=100_000, log_flood=4 * MEBIBYTE)

    assert result.status.ending is Ending.LOG_FLOOD
    assert result.text == "y\n" * 50_000
    assert result.status.output_size > 4 * MEBIBYTE


def test_a_long_log_is_cut_and_counted_and_no_abuse(sandbox):
    result = sandbox.shell("yes | head -c 300000", log=100_000)

    assert result.status.is_success
    assert (len(result.text), result.status.output_size) == (100_000, 300_000)


def test_a_daemon_dies_with_its_command(sandbox):
    result = sandbox.python(DAEMON)

    assert result.status.is_success
    assert (sandbox.work / "alive").exists()
    assert sandbox.processes() == []


def test_kill_takes_everything_within_seconds(sandbox, record_property):
    handle = sandbox.start_python(STUBBORN)
    output = handle.output()
    assert b"ready" in next(output)
    wait_until(lambda: len(sandbox.processes()) > 30)
    killed_at = []
    threading.Timer(0.1, lambda: (killed_at.append(time.monotonic()), handle.kill())).start()

    status = handle.wait()
    seconds = time.monotonic() - killed_at[0]

    record_property("seconds", seconds)
    assert status.ending is Ending.KILLED
    assert sandbox.processes() == []
    assert seconds < 5


def test_many_sandboxes_one_after_the_other_leave_nothing(sandbox):
    for _ in range(20):
        assert sandbox.python(DAEMON).status.is_success
        (sandbox.work / "alive").unlink()
        assert sandbox.processes() == []
