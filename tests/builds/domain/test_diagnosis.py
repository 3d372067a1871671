"""Real lines of real tools, and what they mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builds.domain.diagnosis import diagnose, fingerprint, telling_line
from builds.domain.outcomes import FARM_FAULTS, Outcome, Turn
from builds.domain.remedies import (
    APPLICABLE,
    AddBuildRequirement,
    AsOfReleaseDate,
    CapBuildRequirement,
    CompilerFlags,
    HostToolchain,
    LendCApi,
    NotSupportedBySources,
    OlderInterpreter,
    RegenerateCython,
    RelaxBuildRequirements,
    ShimModule,
    SystemPackage,
    in_words,
    remedy_from_json,
    remedy_to_json,
)
from builds.domain.rules import FALLBACKS, RULES

TRACEBACK = 'Traceback (most recent call last):\n  File "setup.py", line 8, in <module>\n'
GCC_END = "compilation terminated.\nerror: command '/usr/bin/gcc' failed with exit code 1\n"
LONGINTREPR = (
    "building 'demo._quoting_c' extension\n"
    "gcc -O2 -fPIC -c demo/_quoting_c.c -o build/temp/_quoting_c.o\n"
    "demo/_quoting_c.c:196:12: fatal error: longintrepr.h: No such file or directory\n"
    '  196 |   #include "longintrepr.h"\n' + GCC_END
)
CFRAME = (
    "src/demo/greenlet.c:125:9: error: unknown type name \u2018CFrame\u2019; "
    "did you mean \u2018PyFrame\u2019?\n" + GCC_END
)
MEMBER = (
    "src/c.c:50:24: error: \u2018PyThreadState\u2019 {aka \u2018struct _ts\u2019} has no member "
    "named \u2018exc_type\u2019\n" + GCC_END
)
FEW = (
    "plugins/p.c:10:9: error: too few arguments to function \u2018_PyImport_AcquireLock\u2019\n"
    "  collect\n" + GCC_END
)
FRAME = (
    "demo.c:9:1: error: invalid use of incomplete typedef \u2018PyFrameObject\u2019 "
    "{aka \u2018struct _frame\u2019}\n" + GCC_END
)
LVALUE = (
    "demo/snap.c:288:19: error: lvalue required as left operand of assignment\n"
    "  288 |     Py_TYPE(&t) = &PyType_Type;\n" + GCC_END
)
SCOPE = (
    "demo/pack.h:571:5: error: \u2018_PyFloat_Pack4\u2019 was not declared in this scope; did you "
    "mean \u2018PyFloat_Pack4\u2019?\n" + GCC_END
)
CYTHON_CLI = (
    "Error compiling Cython file:\n"
    "demo/x.pyx:109:52: Cannot assign type 'int (object) except -1' to 'int (*)(object)'\n"
    "warning: demo/x.pyx:103:30: Assigning to 'char *' from 'const char *' discards const\n"
)
STRICT = (
    "lib/x.c:41:5: error: implicit declaration of function \u2018close\u2019; did you mean "
    "\u2018pclose\u2019? [-Wimplicit-function-declaration]\n" + GCC_END
)
STRICT_POINTER = (
    "lib/x.c:41:5: error: initialization of \u2018int (*)(void)\u2019 from incompatible pointer "
    "type \u2018void (*)(void)\u2019 [-Wincompatible-pointer-types]\n" + GCC_END
)
STRICT_API = (
    "x.c:4:5: error: implicit declaration of function \u2018PyUnicode_AS_UNICODE\u2019 "
    "[-Wimplicit-function-declaration]\n" + GCC_END
)
UNDECLARED = "x.c:4:5: error: \u2018PyUnicode_WCHAR_KIND\u2019 undeclared (first use)\n" + GCC_END
OLD_SYMBOL = (
    "cannot import demo._x\n" + TRACEBACK + "ImportError: /build/env/lib/python3.12/site-packages/"
    "_x.cpython-312-x86_64-linux-gnu.so: undefined symbol: PyUnicode_AS_UNICODE\n"
)
OTHER_SYMBOL = TRACEBACK + "ImportError: /build/env/_x.so: undefined symbol: not_there\n"
HEADER = "src/m.c:4:10: fatal error: portaudio.h: No such file or directory\n" + GCC_END
DEEP_HEADER = "m.c:4:10: fatal error: libfoo/foo.h: No such file or directory\n" + GCC_END
PYTHON_H = "src/m.c:4:10: fatal error: Python.h: No such file or directory\n" + GCC_END
LIBRARY = (
    "/usr/bin/ld: cannot find -lsasl2: No such file or directory\n"
    "collect2: error: ld returned 1 exit status\n"
)
PKG_CONFIG = (
    "Package cairo was not found in the pkg-config search path.\n"
    "Perhaps you should add the directory containing `cairo.pc'\n"
    "to the PKG_CONFIG_PATH environment variable\n"
    "Package 'cairo', required by 'virtual:world', not found\n"
    "Command '['pkg-config', '--print-errors', '--exists', 'cairo >= 1.15.10']' returned "
    "non-zero exit status 1.\n"
)
MESON = '../meson.build:12:0: ERROR: Dependency "dbus-1" not found, tried pkgconfig and cmake\n'
ANY_PKG_CONFIG = (
    TRACEBACK + "Exception: Can not find valid pkg-config name.\n"
    "Specify MYSQLCLIENT_CFLAGS and MYSQLCLIENT_LDFLAGS env vars manually\n"
    "pkg-config has none of: mysqlclient, mariadb\n"
)
CONFIG_TOOL = "running egg_info\n\nError: pg_config executable not found.\n\npg_config is needed\n"
TOOL = "/bin/sh: 1: cmake: not found\n"
TOOL_BY_NAME = TRACEBACK + "FileNotFoundError: [Errno 2] No such file or directory: 'krb5-config'\n"
RUST = "error: can't find Rust compiler\n\nIf you are using an outdated pip version\n"
CARGO = "Cargo, the Rust package manager, is not installed or is not on PATH.\n"
MATURIN = (
    "\U0001f4a5 maturin failed\n"
    "  Caused by: Cargo metadata failed. Do you have cargo in your PATH?\n"
    "  Caused by: No such file or directory (os error 2)\n"
    "Error: command ['maturin', 'pep517', 'build-wheel'] returned non-zero exit status 1\n"
)
NIGHTLY = "error[E0554]: `#![feature]` may not be used on the stable release channel\n"
CRATES = (
    "error: failed to download from `https://index.crates.example/config.json`\n"
    "  failed to get `libc` as a dependency of package `demo`; crates-io\n"
)
NETWORK = (
    TRACEBACK + "urllib.error.URLError: <urlopen error [Errno -3] "
    "Temporary failure in name resolution>\n"
)
KILLED = "gcc: fatal error: Killed signal terminated program cc1\ncompilation terminated.\n"
ABC = TRACEBACK + "AttributeError: module 'collections' has no attribute 'Iterable'\n"
ABC_IMPORT = (
    TRACEBACK + "ImportError: cannot import name 'Mapping' from 'collections' "
    "(/usr/lib/python3.12/collections/__init__.py)\n"
)
SAFE = TRACEBACK + (
    "AttributeError: module 'configparser' has no attribute 'SafeConfigParser'. "
    "Did you mean: 'RawConfigParser'?\n"
)
TWO = (
    TRACEBACK + "setuptools.errors.SetupError: error in demo setup command: use_2to3 is invalid.\n"
)
CYTHON3 = (
    "[1/1] Cythonizing demo/x.pyx\n" + TRACEBACK + "Cython.Compiler.Errors.CompileError: x.pyx\n"
)
IMP_IMPORTER = TRACEBACK + (
    "AttributeError: module 'pkgutil' has no attribute 'ImpImporter'. "
    "Did you mean: 'zipimporter'?\n"
)
DASHED = TRACEBACK + (
    "setuptools.errors.InvalidConfigError: Invalid dash-separated key 'description-file' in "
    "'metadata' (setup.cfg), please use the underscore name 'description_file' instead.\n"
)
UV = "  \u00d7 No solution found when resolving dependencies:\n  \u2570\u2500\u25b6 Because x\n"
UNBUILDABLE = (
    "  \u00d7 Failed to build `numpy==1.17.3`\n"
    "  \u251c\u2500\u25b6 The build backend returned an error\n"
    "      [stderr]\n" + TRACEBACK + "ModuleNotFoundError: No module named 'distutils'\n"
)
PRINT = (
    '    print "no"\n    ^^^^^^^^^^\n'
    "SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?\n"
)
NUMPY_DISTUTILS = AddBuildRequirement("numpy<1.26")
SCM = AddBuildRequirement("setuptools-scm")
REGENERATE = RegenerateCython("cython<3")


def missing(name: str) -> str:
    return f"{TRACEBACK}ModuleNotFoundError: No module named '{name}'\n"


@pytest.mark.parametrize(
    ("log", "stage", "code", "remedy"),
    [
        (missing("numpy"), "resolve", "missing-build-requirement", AddBuildRequirement("numpy<2")),
        (missing("Cython"), "build", "missing-build-requirement", AddBuildRequirement("cython<3")),
        (
            missing("Cython.Build"),
            "build",
            "missing-build-requirement",
            AddBuildRequirement("cython<3"),
        ),
        (missing("wheel"), "build", "missing-build-requirement", AddBuildRequirement("wheel")),
        (missing("anything_else"), "build", "missing-build-requirement", None),
        (
            missing("pkg_resources"),
            "resolve",
            "missing-pkg-resources",
            AddBuildRequirement("setuptools<81"),
        ),
        (missing("imp"), "resolve", "removed-module", ShimModule("imp")),
        (missing("imp"), "smoke", "removed-module", NotSupportedBySources()),
        (missing("distutils"), "build", "removed-module", AddBuildRequirement("setuptools")),
        (
            missing("distutils.core"),
            "build",
            "removed-module",
            AddBuildRequirement("setuptools"),
        ),
        (missing("distutils.version"), "smoke", "removed-module", NotSupportedBySources()),
        (missing("setuptools.command.test"), "build", "removed-from-setuptools", AsOfReleaseDate()),
        (DASHED, "resolve", "removed-from-setuptools", AsOfReleaseDate()),
        (TWO, "resolve", "use-2to3", CapBuildRequirement("setuptools<58")),
        (IMP_IMPORTER, "resolve", "setuptools-too-old", AddBuildRequirement("setuptools>=66.1")),
        (CYTHON3, "build", "cython-too-new", CapBuildRequirement("cython<3")),
        (ABC, "build", "removed-attribute", ShimModule("collections")),
        (ABC_IMPORT, "build", "removed-attribute", ShimModule("collections")),
        (SAFE, "resolve", "removed-attribute", ShimModule("collections")),
        (ABC, "smoke", "removed-attribute", NotSupportedBySources()),
        (LONGINTREPR, "build", "removed-c-api", RegenerateCython("cython<3")),
        (CFRAME, "build", "removed-c-api", RegenerateCython("cython<3")),
        (MEMBER, "build", "removed-c-api", RegenerateCython("cython<3")),
        (FEW, "build", "removed-c-api", RegenerateCython("cython<3")),
        (FRAME, "build", "removed-c-api", RegenerateCython("cython<3")),
        (LVALUE, "build", "removed-c-api", LendCApi()),
        (SCOPE, "build", "removed-c-api", LendCApi()),
        (CYTHON_CLI, "build", "cython-too-new", CapBuildRequirement("cython<3")),
        (STRICT_API, "build", "removed-c-api", RegenerateCython("cython<3")),
        (UNDECLARED, "build", "removed-c-api", RegenerateCython("cython<3")),
        (OLD_SYMBOL, "smoke", "removed-c-api", RegenerateCython("cython<3")),
        (
            "ImportError: undefined symbol: Py_NoSiteFlag\t(/build/env/lib/demo.scripts/demo)\n",
            "smoke",
            "embeds-python",
            None,
        ),
        (OTHER_SYMBOL, "smoke", "undefined-symbol", None),
        (HEADER, "build", "missing-header", SystemPackage("portaudio.h")),
        (DEEP_HEADER, "build", "missing-header", SystemPackage("libfoo/foo.h")),
        (PYTHON_H, "build", "python-headers-missing", None),
        (LIBRARY, "build", "missing-library", SystemPackage("libsasl2.so")),
        (PKG_CONFIG, "build", "missing-pkg-config", SystemPackage("cairo.pc")),
        (MESON, "build", "missing-pkg-config", SystemPackage("dbus-1.pc")),
        (ANY_PKG_CONFIG, "resolve", "missing-pkg-config", SystemPackage("mysqlclient.pc")),
        (CONFIG_TOOL, "resolve", "missing-tool", SystemPackage("pg_config")),
        (TOOL, "build", "missing-tool", AddBuildRequirement("cmake<4")),
        (TOOL_BY_NAME, "resolve", "missing-tool", SystemPackage("krb5-config")),
        (RUST, "build", "rust-needed", None),
        (CARGO, "build", "rust-needed", None),
        (MATURIN, "build", "rust-needed", None),
        (NIGHTLY, "build", "rust-needed", None),
        (CRATES, "build", "rust-needed", None),
        (NETWORK, "build", "network-needed", None),
        (KILLED, "build", "out-of-memory", CompilerFlags("-O1")),
        (UNBUILDABLE, "resolve", "requirement-unbuildable", RelaxBuildRequirements()),
        (
            "Demo requires Python version 3.8 or later (3.7 detected).\n",
            "resolve",
            "other-python-needed",
            NotSupportedBySources(),
        ),
        (UNBUILDABLE, "smoke", "dependency-unbuildable", None),
        (PRINT, "build", "python-2-only", NotSupportedBySources()),
        (missing("urllib2"), "build", "python-2-only", NotSupportedBySources()),
        (
            TRACEBACK + "NameError: name 'unicode' is not defined. Did you mean: 'ord'?\n",
            "smoke",
            "python-2-only",
            NotSupportedBySources(),
        ),
        (
            "    async=True,\n    ^\nSyntaxError: invalid syntax\n",
            "smoke",
            "newer-syntax",
            NotSupportedBySources(),
        ),
        (missing("numpy.distutils.core"), "build", "numpy-distutils", NUMPY_DISTUTILS),
        (missing("pip.req"), "resolve", "pip-inside", AddBuildRequirement("pip<10")),
        (missing("setuptools_scm"), "resolve", "missing-build-requirement", SCM),
        (
            TRACEBACK + "ImportError: cannot import name 'Feature' from 'setuptools' (x.py)\n",
            "resolve",
            "removed-from-setuptools",
            AsOfReleaseDate(),
        ),
        (
            "error: invalid command 'bdist_wheel'\n",
            "build",
            "wheel-command-missing",
            AddBuildRequirement("wheel"),
        ),
        (
            TRACEBACK + "AttributeError: cython_sources\n",
            "resolve",
            "cython-too-new",
            CapBuildRequirement("cython<3"),
        ),
        (
            "a.c:1:10: fatal error: numpy/arrayobject.h: No such file or directory\n" + GCC_END,
            "build",
            "missing-build-requirement",
            AddBuildRequirement("numpy<2"),
        ),
        (
            "a.c:1:10: fatal error: third_party/x/x.h: No such file or directory\n" + GCC_END,
            "build",
            "missing-submodule",
            None,
        ),
        (
            "a.c:1:10: fatal error: 'magic.h' file not found\n",
            "build",
            "missing-header",
            SystemPackage("magic.h"),
        ),
        (
            "a.c:9:5: error: variable \u2018x\u2019 set but not used "
            "[-Werror=unused-but-set-variable]\n" + GCC_END,
            "build",
            "compiler-strictness",
            CompilerFlags("-Wno-error=unused-but-set-variable -Wno-error"),
        ),
        (
            "a.cpp:9:5: error: ISO C++17 does not allow dynamic exception specifications\n",
            "build",
            "compiler-strictness",
            CompilerFlags("-std=gnu++14 -Wno-narrowing"),
        ),
        (
            "a.cpp:9:5: error: \u2018uint8_t\u2019 does not name a type\n",
            "build",
            "compiler-strictness",
            CompilerFlags("-include stdint.h"),
        ),
        (
            "/usr/bin/ld: b.o:(.bss+0x0): multiple definition of `x'; a.o: first defined here\n",
            "build",
            "common-symbols",
            CompilerFlags("-fcommon"),
        ),
        (
            "/usr/bin/ld: a.o: relocation R_X86_64_32 against `.rodata'; recompile with -fPIC\n",
            "build",
            "position-dependent-code",
            CompilerFlags("-fPIC"),
        ),
        (
            TRACEBACK + "FileNotFoundError: [Errno 2] No such file or directory: 'README.md'\n",
            "resolve",
            "missing-file",
            None,
        ),
        (
            "unable to execute 'swig': No such file or directory\n",
            "build",
            "missing-tool",
            AddBuildRequirement("swig"),
        ),
        (
            "error: command 'bison' failed: No such file or directory\n",
            "build",
            "missing-tool",
            SystemPackage("bison"),
        ),
        (
            "  Compatibility with CMake < 3.5 has been removed from CMake.\n",
            "build",
            "cmake-too-new",
            AddBuildRequirement("cmake<4"),
        ),
        (
            '  Could not find a package configuration file provided by "Eigen3" with\n',
            "build",
            "missing-cmake-package",
            SystemPackage("Eigen3.pc"),
        ),
        (
            "The headers or library files could not be found for jpeg,\n",
            "build",
            "missing-library",
            SystemPackage("libjpeg.so"),
        ),
        ("Debian 12 cannot install libfoo-dev: broken\n", "resolve", "system-package-unfit", None),
        ("no package of Debian 12 owns lber.h\n", "resolve", "system-package-unknown", None),
        ("x.c:3:1: error: expected expression\n" + GCC_END, "build", "compile-error", REGENERATE),
        ("x.c:(.text+0x1): undefined reference to `f'\n", "build", "link-error", AsOfReleaseDate()),
        (
            TRACEBACK + "ImportError: cannot import name 'escape' from 'jinja2' (x.py)\n",
            "smoke",
            "dependency-moved-on",
            None,
        ),
        (TRACEBACK + "TypeError: no\n", "smoke", "import-error", None),
        (UV, "resolve", "requirement-unavailable", RelaxBuildRequirements()),
    ],
)
def test_a_log_has_its_cause(log, stage, code, remedy):
    found = diagnose(log, stage=stage, outcome=Outcome.BUILD_FAILED)

    proposed = [proposal.remedies[0] for proposal in found.proposals]
    assert (found.code, proposed[:1]) == (code, [remedy] if remedy else [])
    assert found.evidence in log
    assert len(found.explanation) > 40
    assert "{" not in found.explanation
    # The line that a builder sends tells as much as its whole log.
    assert diagnose(found.evidence, stage=stage, outcome=Outcome.BUILD_FAILED) == found


@pytest.mark.parametrize("log", [STRICT, STRICT_POINTER])
def test_strictness_is_taken_back(log):
    found = diagnose(log, stage="build", outcome=Outcome.BUILD_FAILED)

    assert found.code == "compiler-strictness"
    assert "-Wno-error=implicit-function-declaration" in found.proposals[0].remedies[0].flags


@pytest.mark.parametrize(
    "line",
    [
        (
            "affineur: error: this build asks for -ffast-math, which the portable toolchain does "
            "not do"
        ),
        "error: unsupported linker arg: --retain-symbols-file",
        'error: unknown clang option: "-fno-printf-return-value"',
        (
            'error: unable to find dynamic system library "z" using strategy paths_first. searched '
            "paths: none"
        ),
        (
            "demo/x.c:9:3: error: call to undeclared function 'getrandom'; ISO C99 and later do "
            "not support implicit function declarations [-Wimplicit-function-declaration]"
        ),
    ],
)
def test_what_the_portable_toolchain_does_not_do_the_host_does(line):
    found = diagnose(f"{line}\n{GCC_END}", stage="build", outcome=Outcome.BUILD_FAILED)

    assert (found.code, found.evidence) == ("portable-toolchain", line)
    assert found.proposals[0].remedies == (HostToolchain(),)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("demo/x.c:196:12: fatal error: 'longintrepr.h' file not found", "removed-c-api"),
        ("x.c:50:24: error: no member named 'exc_type' in 'struct _ts'", "removed-c-api"),
        ("x.c:9:1: error: incomplete definition of type 'PyFrameObject'", "removed-c-api"),
        ("x.c:9:1: error: incomplete definition of type 'struct _frame'", "removed-c-api"),
        ("x.c:9:1: error: expression is not assignable", "removed-c-api"),
        ("x.c:4:5: error: use of undeclared identifier '_PyUnicode_Ready'", "removed-c-api"),
        (
            "x.c:4:5: error: call to undeclared function '_PyUnicode_Ready'; ISO C99 and later",
            "removed-c-api",
        ),
        ("x.c:9:1: fatal error: 'Python.h' file not found", "python-headers-missing"),
        ("x.c:9:1: fatal error: 'numpy/arrayobject.h' file not found", "missing-build-requirement"),
        ("x.c:9:1: fatal error: 'third_party/a.h' file not found", "missing-submodule"),
        ("x.c:9:1: fatal error: 'zlib.h' file not found", "missing-header"),
        ("x.c:1:2: error: no member named 'subarray' in 'struct _PyArray_Descr'", "numpy-too-new"),
    ],
)
def test_clang_is_understood_as_gcc_is(line, code):
    assert diagnose(line, stage="build", outcome=Outcome.BUILD_FAILED).code == code


def test_a_warning_is_no_cause():
    log = "warning: No module named 'Cython', using the C files\nValueError: not that\n"

    found = diagnose(log, stage="build", outcome=Outcome.BUILD_FAILED)

    assert (found.code, found.evidence) == ("setup-error", "ValueError: not that")


def test_a_limit_is_no_fault_of_what_the_log_mentions():
    log = f"{TRACEBACK}ModuleNotFoundError: No module named 'numpy'\ngoing on without\n"

    found = diagnose(log + "still busy", stage="build", outcome=Outcome.DISK_FULL)

    assert found.turn is Turn.PROJECT
    assert diagnose("busy", stage="build", outcome=Outcome.WALL_TIME).code == "wall-time"


@pytest.mark.parametrize("outcome", sorted(FARM_FAULTS))
def test_a_fault_of_the_farm_has_no_remedy(outcome):
    found = diagnose(missing("imp"), stage="build", outcome=outcome)

    assert (found.code, found.turn, found.proposals) == (outcome.value, Turn.FARM, ())


def test_an_outcome_may_be_cause_enough():
    found = diagnose("", stage="build", outcome=Outcome.OUT_OF_MEMORY)

    assert found.code == "out-of-memory"


@pytest.mark.parametrize(
    "remedy",
    sorted(
        {
            remedy
            for rule in (*RULES, *FALLBACKS)
            for proposal in rule.proposals
            for remedy in proposal.remedies
        },
        key=repr,
    ),
    ids=repr,
)
def test_remedies_travel_as_json(remedy):
    assert remedy_from_json(remedy_to_json(remedy)) == remedy
    assert in_words(remedy)


@pytest.mark.parametrize("value", [{}, {"kind": "magic"}, {"kind": "shim-module", "nome": "imp"}])
def test_what_is_no_remedy_is_refused(value):
    with pytest.raises(ValueError, match="no remedy"):
        remedy_from_json(value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "/build/src/a-1.0/x.c:3:10: error: 'y' undeclared",
            "lib/deep/other.c:77:1: error: \u2018y\u2019 undeclared",
        ),
        ("OSError: 0x7f12 is not 12", "OSError: 0xdead is not 7"),
        ("no https://one.example/x", "no https://two.example/y/z"),
    ],
)
def test_equal_failures_have_one_fingerprint(one, other):
    prints = {fingerprint(line, "build", Outcome.BUILD_FAILED) for line in (one, other)}

    assert len(prints) == 1


def test_other_failures_have_other_fingerprints():
    prints = {
        fingerprint("OSError: a", "build", Outcome.BUILD_FAILED),
        fingerprint("OSError: b", "build", Outcome.BUILD_FAILED),
        fingerprint("OSError: a", "resolve", Outcome.BUILD_FAILED),
        fingerprint("OSError: a", "build", Outcome.NO_WHEEL),
    }

    assert len(prints) == 4


@given(log=st.text(), stage=st.sampled_from(["", "build", "smoke", "fetch"]))
def test_any_log_has_a_diagnosis(log, stage):
    for outcome in Outcome:
        found = diagnose(log, stage=stage, outcome=outcome)
        assert found.turn in Turn
        assert found.is_known or found.fingerprint
    assert isinstance(telling_line(log, stage=stage), str)


def test_what_can_be_applied_is_named():
    assert isinstance(ShimModule("imp"), APPLICABLE)
    assert isinstance(SystemPackage("x.h"), APPLICABLE)
    assert not isinstance(OlderInterpreter(), APPLICABLE)


def test_what_no_package_has_is_told_by_its_name():
    line = "no package of Debian 12 owns lber.h"

    found = diagnose(line, stage="resolve", outcome=Outcome.REQUIREMENTS_UNRESOLVABLE)

    assert found.explanation.startswith("The build needs lber.h, ")
