"""Small real sdists. `python -m tests.data.sdists FOLDER` writes them all.

Each is a table of its files; `pack` makes the archive, the same bytes every time.
"""

import bz2
import gzip
import io
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

MTIME = 1_500_000_000
"""Of every member: 2017-07-14 02:40 UTC."""

SETUPTOOLS = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
OWN_BACKEND = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


@dataclass(frozen=True)
class Sdist:
    """What goes into one sdist. `ending` chooses the archive."""

    name: str
    version: str
    files: Mapping[str, str]
    ending: str = ".tar.gz"
    metadata: str = ""
    """Of PKG-INFO; made from name and version when empty."""
    executable: frozenset[str] = field(default_factory=frozenset)

    @property
    def stem(self) -> str:
        return f"{self.name}-{self.version}"

    @property
    def filename(self) -> str:
        return f"{self.stem}{self.ending}"

    def all_files(self) -> dict[str, str]:
        metadata = self.metadata or (
            f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}\n"
        )
        return {"PKG-INFO": metadata, **self.files}


def pack(sdist: Sdist) -> bytes:
    """The archive, as `ending` says."""
    return _PACKERS[sdist.ending](sdist)


def _tar(sdist: Sdist) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, text in sdist.all_files().items():
            member = tarfile.TarInfo(f"{sdist.stem}/{name}")
            member.size = len(text.encode())
            member.mtime = MTIME
            # Group-writable, as archives made under a lax umask are.
            member.mode = 0o775 if name in sdist.executable else 0o664
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def _zip(sdist: Sdist) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sdist.all_files().items():
            info = zipfile.ZipInfo(f"{sdist.stem}/{name}", (2017, 7, 14, 2, 40, 0))
            archive.writestr(info, text, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


_PACKERS: Mapping[str, Callable[[Sdist], bytes]] = {
    ".tar.gz": lambda sdist: gzip.compress(_tar(sdist), mtime=0),
    ".tar.bz2": lambda sdist: bz2.compress(_tar(sdist)),
    ".zip": _zip,
}


def _setup(name: str, rest: str) -> str:
    return f'from setuptools import Extension, setup\nsetup(name="{name}", version="1.0", {rest})\n'


C_SOURCE = """\
#include <Python.h>

static PyObject *answer(PyObject *self, PyObject *args) { return PyLong_FromLong(42); }

static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, "42"}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_speed", NULL, -1, methods};

PyMODINIT_FUNC PyInit__speed(void) { return PyModule_Create(&module); }
"""

PURE = Sdist(
    "pure-demo",
    "1.0",
    {
        "pyproject.toml": f'{SETUPTOOLS}[project]\nname = "pure-demo"\nversion = "1.0"\n',
        "pure_demo/__init__.py": "ANSWER = 42\n",
        "pure_demo/tool.py": "#!/usr/bin/env python\n",
    },
    executable=frozenset({"pure_demo/tool.py"}),
)

LEGACY = Sdist(
    "legacy-demo",
    "1.0",
    {"setup.py": _setup("legacy-demo", 'py_modules=["legacy_demo"]'), "legacy_demo.py": ""},
)

ZIPPED = replace(LEGACY, ending=".zip")
BZIPPED = replace(LEGACY, ending=".tar.bz2")

EXTENSION = Sdist(
    "speed-demo",
    "1.0",
    {
        "pyproject.toml": SETUPTOOLS,
        "setup.py": _setup(
            "speed-demo",
            'packages=["speed_demo"], ext_modules=[Extension("_speed", ["speed.c"])]',
        ),
        "speed.c": C_SOURCE,
        "speed_demo/__init__.py": "from _speed import answer\nassert answer() == 42\n",
    },
)

LINKED = Sdist(
    "linked-demo",
    "1.0",
    {
        "pyproject.toml": SETUPTOOLS,
        "setup.py": _setup(
            "linked-demo",
            'ext_modules=[Extension("_speed", ["speed.c"], libraries=["rind"])]',
        ),
        "speed.c": '#include "rind/rind.h"\n'
        + C_SOURCE.replace("PyLong_FromLong(42)", "PyLong_FromLong(rind_answer())"),
    },
)
"""It needs a library that no machine has."""

CPP_SOURCE = """\
#include <Python.h>

#include <map>
#include <stdexcept>
#include <string>

static PyObject *answer(PyObject *, PyObject *) {
    std::map<std::string, long> answers{{"all", 42}};
    try {
        throw std::runtime_error("all");
    } catch (const std::exception &caught) {
        return PyLong_FromLong(answers[caught.what()]);
    }
}

static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, "42"}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_quick", NULL, -1, methods};

PyMODINIT_FUNC PyInit__quick(void) { return PyModule_Create(&module); }
"""

TWO_LANGUAGES = Sdist(
    "quick-demo",
    "1.0",
    {
        "pyproject.toml": SETUPTOOLS,
        "setup.py": _setup(
            "quick-demo",
            'packages=["quick_demo"], ext_modules=['
            'Extension("_speed", ["speed.c"], extra_compile_args=["-march=native", "-g"]), '
            'Extension("_quick", ["quick.cpp"], libraries=["stdc++", "m"], '
            'extra_compile_args=["-flto=auto"], '
            'extra_link_args=["-flto=auto", "-Wl,-z,relro,-Bsymbolic-functions", "-Os"])]',
        ),
        "speed.c": C_SOURCE,
        "quick.cpp": CPP_SOURCE,
        "quick_demo/__init__.py": "import _quick, _speed\n"
        "assert _quick.answer() == _speed.answer() == 42\n",
    },
)
"""In C and in C++, with options that builds of gcc's day have."""

FAST_MATH = replace(
    EXTENSION,
    files={
        **EXTENSION.files,
        "setup.py": _setup(
            "speed-demo",
            'packages=["speed_demo"], '
            'ext_modules=[Extension("_speed", ["speed.c"], extra_compile_args=["-ffast-math"])]',
        ),
    },
)

PROBES_FAST_MATH = replace(
    EXTENSION,
    files={
        **EXTENSION.files,
        "setup.py": "import subprocess\n"
        'subprocess.run(["gcc", "-ffast-math", "-c", "speed.c"], capture_output=True)\n'
        + EXTENSION.files["setup.py"],
    },
)

UNIMPORTABLE = Sdist(
    "broken-demo",
    "1.0",
    {
        "pyproject.toml": SETUPTOOLS,
        "setup.py": _setup("broken-demo", 'ext_modules=[Extension("_speed", ["speed.c"])]'),
        "speed.c": C_SOURCE.replace(
            "static PyMethodDef", "void not_there(void);\n\nstatic PyMethodDef"
        ).replace("return PyModule_Create", "not_there(); return PyModule_Create"),
    },
)

UNCOMPILABLE = Sdist(
    "unbuilt-demo",
    "1.0",
    {
        "setup.py": _setup("unbuilt-demo", 'ext_modules=[Extension("_speed", ["speed.c"])]'),
        "speed.c": "#include <not-there.h>\n",
    },
)

HOLLOW = Sdist(
    "hollow-demo",
    "1.0",
    {
        "setup.py": _setup(
            "hollow-demo",
            'py_modules=["hollow_demo"], '
            'ext_modules=[Extension("_speed", ["speed.c"], optional=True)]',
        ),
        "hollow_demo.py": "",
        "speed.c": "#include <not-there.h>\n",
    },
)

OLD_C_API = Sdist(
    "old-c-demo",
    "1.0",
    {
        "setup.py": _setup("old-c-demo", 'ext_modules=[Extension("_speed", ["speed.c"])]'),
        "speed.c": C_SOURCE.replace(
            "{ return PyModule_Create(&module); }",
            "{\n"
            '    static PyTypeObject type = {PyVarObject_HEAD_INIT(NULL, 0) "_speed.Type"};\n'
            "    unsigned char bytes[8];\n"
            "    Py_TYPE(&type) = &PyType_Type;\n"
            "    if (_PyFloat_Pack8(1.0, bytes, 1)) return NULL;\n"
            "    return PyModule_Create(&module);\n"
            "}",
        ),
    },
)

SILENT_ABOUT_A_LIBRARY = Sdist(
    "silent-demo",
    "1.0",
    {
        "setup.py": "import subprocess\n"
        "if subprocess.call(['pkg-config', '--exists', 'nowhere-1.0 >= 2'], "
        "stderr=subprocess.DEVNULL):\n"
        "    raise Exception('cannot build without it')\n"
    },
)

PINNED = Sdist(
    "pinned-demo",
    "1.0",
    {
        "pyproject.toml": SETUPTOOLS.replace('"setuptools"', '"setuptools==0.0.1"')
        + '[project]\nname = "pinned-demo"\nversion = "1.0"\n',
        "pinned_demo/__init__.py": "",
    },
)

PARTLY_HOLLOW = Sdist(
    "partly-demo",
    "1.0",
    {
        "setup.py": _setup(
            "partly-demo",
            'ext_modules=[Extension("_speed", ["speed.c"]), '
            'Extension("_extra", ["extra.c"], optional=True)]',
        ),
        "speed.c": C_SOURCE,
        "extra.c": "#include <longintrepr.h>\n",
    },
)
"""One of its two extensions does not compile on CPython 3.12 and newer, and may fail."""

HIDDEN = Sdist(
    "hidden-demo",
    "1.0",
    {
        "setup.py": _setup(
            "hidden-demo",
            'packages=["hidden_demo"], ext_modules=[Extension("hidden_demo._speed", ["speed.c"])]',
        ),
        "speed.c": UNIMPORTABLE.files["speed.c"],
        "hidden_demo/__init__.py": "try:\n    from hidden_demo._speed import answer\n"
        "except ImportError:\n    answer = lambda: 42\n",
    },
)
"""Its package imports, though its extension does not."""

CRASHES = Sdist(
    "crashing-demo",
    "1.0",
    {
        "setup.py": _setup("crashing-demo", 'ext_modules=[Extension("_speed", ["speed.c"])]'),
        "speed.c": "#include <signal.h>\n"
        + C_SOURCE.replace("return PyModule_Create", "raise(SIGSEGV); return PyModule_Create"),
    },
)

UNTIDY = Sdist(
    "untidy-demo",
    "1.0",
    {
        "setup.py": _setup(
            "untidy-demo",
            'ext_modules=[Extension("_speed", ["speed.c"], '
            'extra_compile_args=["-march=native", "-mtune=native"], '
            'runtime_library_dirs=["/usr/local/lib", "$ORIGIN"], '
            'extra_link_args=["-l:libbz2.so.1.0"])]',
        ),
        "speed.c": "const char *BZ2_bzlibVersion(void);\n"
        + C_SOURCE.replace(
            "return PyLong_FromLong(42)", "return PyUnicode_FromString(BZ2_bzlibVersion())"
        ),
    },
)
"""Compiled for the machine it is compiled on; looks for libraries where each machine has others;
needs one of the distribution's, which every Debian has."""

BEYOND_ABI3 = Sdist(
    "beyond-demo",
    "1.0",
    {
        "setup.py": _setup(
            "beyond-demo",
            'ext_modules=[Extension("_speed", ["speed.c"], py_limited_api=True)], '
            'options={"bdist_wheel": {"py_limited_api": "cp39"}}',
        ),
        "speed.c": C_SOURCE.replace(
            "return PyLong_FromLong(42)",
            'return getenv("HOME") ? PyFrame_New(NULL, NULL, NULL, NULL) : NULL',
        ).replace(
            "static PyObject",
            "void *PyFrame_New(void *, void *, void *, void *);\n\nstatic PyObject",
            1,
        ),
    },
)
"""Says that it needs the stable ABI of CPython 3.9 alone, and needs more."""

OLD_SETUP = Sdist(
    "old-demo",
    "1.0",
    {
        "setup.py": "import imp, os\n"
        "version = imp.load_source('old_version', os.path.join('old_demo', 'version.py'))\n"
        "from setuptools import setup\n"
        "setup(name='old-demo', version=version.VERSION, packages=['old_demo'])\n",
        "old_demo/__init__.py": "",
        "old_demo/version.py": "VERSION = '1.0'\n",
    },
)
"""Needs the module `imp` in its setup.py, and nowhere else."""

OTHER_NAME = replace(LEGACY, metadata="Metadata-Version: 2.1\nName: somebody-else\nVersion: 1.0\n")

_BACKEND = '''\
"""A build backend that needs nothing: it writes the wheels that it is told to."""
import base64
import hashlib
import os
import zipfile


def write_wheel(
    folder, name="own_demo", version="1.0", module="own_demo", text="", more=(), tag="py3-none-any"
):
    info = "{}-{}.dist-info".format(name, version)
    files = {
        **({module + ".py": text} if module else {}),
        **dict(more),
        info + "/METADATA":
            "Metadata-Version: 2.1\\nName: {}\\nVersion: {}\\n".format(name, version),
        info + "/WHEEL":
            "Wheel-Version: 1.0\\nGenerator: own\\nRoot-Is-Purelib: true\\nTag: {}\\n".format(tag),
    }
    record = ""
    for path, content in files.items():
        content = content.encode() if isinstance(content, str) else content
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
        record += "{},sha256={},\\n".format(path, digest.rstrip(b"=").decode())
    files[info + "/RECORD"] = record + info + "/RECORD,,\\n"
    wheel = "{}-{}-{}.whl".format(name, version, tag)
    with zipfile.ZipFile(os.path.join(folder, wheel), "w") as archive:
        for path, content in files.items():
            member = zipfile.ZipInfo(path, (2017, 7, 14, 2, 40, 0))
            member.external_attr = (0o755 if "/scripts/" in path else 0o644) << 16
            archive.writestr(member, content)
    return wheel


'''


def own(build_wheel: str, *, before: str = "") -> Sdist:
    """An sdist whose build is `build_wheel`, the body of its own backend's hook."""
    body = "".join(f"    {line}\n" for line in build_wheel.splitlines())
    hook = (
        f"def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):\n{body}"
    )
    return Sdist(
        "own-demo", "1.0", {"pyproject.toml": OWN_BACKEND, "backend.py": _BACKEND + before + hook}
    )


OWN = own("return write_wheel(wheel_directory)")
NOTHING = own("return 'own_demo-1.0-py3-none-any.whl'")
TWO_WHEELS = own("write_wheel(wheel_directory, version='1.1')\nreturn write_wheel(wheel_directory)")
OTHER_WHEEL = own("return write_wheel(wheel_directory, name='other_demo')")
FAILS = own("raise RuntimeError('this project does not like Tuesdays')")
BAD_IMPORT = own("return write_wheel(wheel_directory, text='import not_there')")
HANGS = own("import time\ntime.sleep(3600)")
FORKS = own(
    "import os, time\nfor _ in range(10000):\n    if os.fork() == 0:\n        time.sleep(3600)\n"
)
FLOODS = own("while True:\n    print('x' * 65536)")
EATS_MEMORY = own("held = []\nwhile True:\n    held.append(bytearray(os.urandom(1)) * (16 << 20))")
FILLS_DISK = own(
    "with open('/build/filler', 'wb') as file:\n"
    "    while True:\n"
    "        file.write(os.urandom(1 << 20))\n"
)
BAD_SCRIPT = own(
    "points = '[console_scripts]\\nown-demo = own_demo:main\\n'\n"
    "more = {'own_demo-1.0.dist-info/entry_points.txt': points}\n"
    "return write_wheel(wheel_directory, text='def start(): pass', more=more)"
)
"""Has a script that calls what its module does not have."""
_PROGRAM = """\
import pathlib, subprocess
pathlib.Path("gone.c").write_text("void gone(void) {{}}")
pathlib.Path("tool.c").write_text("void gone(void); int main(void) {{ {body} return 0; }}")
library = "libpython3.99.so.1.0"
soname = "-Wl,-soname," + library
subprocess.run(["cc", "-shared", "-fPIC", "gone.c", soname, "-o", library], check=True)
subprocess.run(["cc", "tool.c", "-o", "tool", "-Wl,--as-needed", "./" + library], check=True)
program = {{"own_demo-1.0.data/scripts/tool": pathlib.Path("tool").read_bytes()}}
return write_wheel(wheel_directory, module="", more=program)
"""
PROGRAM = own(_PROGRAM.format(body=""))
"""A wheel without a module, whose one file is a program of machine code."""
UNLOADABLE_PROGRAM = own(_PROGRAM.format(body="gone();"))
"""Needs libpython, which no wheel may bring or count on: what it needs of it is missing."""
LINKED_WHEEL = own(
    "os.symlink('/etc/passwd', os.path.join(wheel_directory, 'own_demo-1.0-py3-none-any.whl'))\n"
    "return 'own_demo-1.0-py3-none-any.whl'"
)
DAEMON = own(
    "import subprocess\n"
    "subprocess.Popen(['sleep', '3600'], start_new_session=True)\n"
    "return write_wheel(wheel_directory)"
)

CANARY = Sdist(
    "canary-demo",
    "1.0",
    {
        "pyproject.toml": '[build-system]\nrequires = ["setuptools"]\n'
        'build-backend = "backend"\nbackend-path = ["."]\n'
        "[tool.canary]\n",
        "setup.py": "print('canary: setup.py ran')\n"
        + _setup("canary-demo", 'py_modules=["canary_demo"]'),
        "backend.py": "print('canary: the backend was imported')\n"
        "from setuptools import build_meta\n\n\n"
        "def get_requires_for_build_wheel(config_settings=None):\n"
        "    print('canary: get_requires_for_build_wheel ran')\n"
        "    return build_meta.get_requires_for_build_wheel(config_settings)\n\n\n"
        "def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):\n"
        "    print('canary: build_wheel ran')\n"
        "    return build_meta.build_wheel(wheel_directory, config_settings)\n",
        "canary_demo.py": "print('canary: the module was imported')\n",
    },
)
"""Says in its log what of it ran."""
CANARY_MARKS = (
    "canary: setup.py ran",
    "canary: the backend was imported",
    "canary: get_requires_for_build_wheel ran",
    "canary: build_wheel ran",
    "canary: the module was imported",
)

ALL = {
    "pure": PURE,
    "legacy": LEGACY,
    "zipped": ZIPPED,
    "bzipped": BZIPPED,
    "extension": EXTENSION,
    "unimportable": UNIMPORTABLE,
    "uncompilable": UNCOMPILABLE,
    "hollow": HOLLOW,
    "own": OWN,
    "canary": CANARY,
}


def main(folder: str) -> None:
    for sdist in ALL.values():
        Path(folder, sdist.filename).write_bytes(pack(sdist))


if __name__ == "__main__":
    main(sys.argv[1])
