"""Small wheels that real installers take."""

import io
import zipfile

WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def metadata_of(name: str, version: str = "1.0", *, requires_python: str = "") -> bytes:
    requires = f"Requires-Python: {requires_python}\n" if requires_python else ""
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}".encode()


def make_wheel(
    name: str, version: str = "1.0", *, made_by: str = "affineur", requires_python: str = ""
) -> bytes:
    """A pure wheel with one module, whose `made_by` is as given. The same bytes each time."""
    module = name.lower().replace("-", "_").replace(".", "_")
    folder = f"{module}-{version}.dist-info"
    members = {
        f"{module}.py": f"made_by = {made_by!r}\n".encode(),
        f"{folder}/METADATA": metadata_of(name, version, requires_python=requires_python),
        f"{folder}/WHEEL": WHEEL.encode(),
    }
    record = f"{folder}/RECORD"
    members[record] = "".join(f"{member},,\n" for member in (*members, record)).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member, content in members.items():
            archive.writestr(zipfile.ZipInfo(member), content)
    return buffer.getvalue()


BACKEND = """
import pathlib

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = "{module}-{version}-py3-none-any.whl"
    pathlib.Path(wheel_directory, name).write_bytes(bytes.fromhex("{wheel}"))
    return name
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "{name}"
version = "{version}"
"""


def sdist_files(name: str, version: str = "1.0") -> dict[str, str]:
    """Files of an sdist that builds with nothing but Python; `made_by` is `sdist`."""
    wheel = make_wheel(name, version, made_by="sdist").hex()
    module = name.replace("-", "_")
    return {
        "pyproject.toml": PYPROJECT.format(name=name, version=version),
        "backend.py": BACKEND.format(module=module, version=version, wheel=wheel),
    }
