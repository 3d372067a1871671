"""The commands that repeat a build at home."""

import shlex

from builds.models import Build
from portal.target_names import read_target_name
from portal.web.report import Report


def commands_to_repeat(build: Build, report: Report) -> str:
    """Shell commands that make this build's wheel from the same sources and requirements.

    Without the sandbox and the repair that the farm adds: they run the project's code.
    """
    sdist = shlex.quote(build.sdist_filename)
    checksum = shlex.quote(f"{build.sdist_sha256}  {build.sdist_filename}")
    lines = [
        f"curl --location --output {sdist} {shlex.quote(build.sdist_url)}",
        f"echo {checksum} | sha256sum --check",
        "umask 022",
    ]
    if report.source_date_epoch is not None:
        lines.append(f"export SOURCE_DATE_EPOCH={report.source_date_epoch}")
    constraints = [shlex.quote(f"{item.name}=={item.version}") for item in report.resolved]
    option = ""
    if constraints:
        lines.append(f"printf '%s\\n' {' '.join(constraints)} > constraints.txt")
        option = " --build-constraints constraints.txt"
    python = shlex.quote(read_target_name(build.target).python)
    lines.append(f"uv build --wheel --python {python}{option} {sdist}")
    return "\n".join(lines)
