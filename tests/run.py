"""`make test`: all tests on SQLite, then what touches the database on a real PostgreSQL."""

import os
import subprocess
import sys

from tests.servers import postgresql

# One more than there are processors: much of what is tested waits for a process or a clock.
WORKERS = (os.process_cpu_count() or 1) + 1
PARALLEL = ("--numprocesses", str(WORKERS), "--dist", "loadgroup", "--quiet")


def main() -> int:
    given = sys.argv[1:]
    pytest = [sys.executable, "-m", "pytest", *PARALLEL, *given]
    print("— all tests, on SQLite", flush=True)
    first = subprocess.run(pytest, check=False).returncode
    with postgresql() as url:
        print("— tests of the database, on PostgreSQL", flush=True)
        second = subprocess.run(
            # The cluster is thrown away whole: nothing needs to be dropped in it.
            [*pytest, "--reuse-db", "-m", "database and not journey"],
            check=False,
            env={**os.environ, "AFFINEUR_DATABASE": url},
        ).returncode
    return first or second


if __name__ == "__main__":
    sys.exit(main())
