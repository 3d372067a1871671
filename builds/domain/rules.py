"""What lines of logs mean: rules as data, each with real samples in its tests.

A rule's line says enough by itself, so that the control side can judge the one line that a
builder sends as its evidence by the same rules that chose it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from builds.domain.outcomes import Turn
from builds.domain.remedies import (
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
    Remedy,
    ShimModule,
    SystemPackage,
)

SMOKE = "smoke"
BUILDING = frozenset({"", "resolve", "build", "repair"})
"""Stages whose failures the way of building can have caused."""
NEWEST_MINOR = 99


@dataclass(frozen=True, slots=True)
class Proposal:
    """Remedies to apply together. `confidence` is from 0 to 1, of their being enough."""

    remedies: tuple[Remedy, ...]
    confidence: float
    newest: int = NEWEST_MINOR
    """The last CPython 3 that they can help on."""
    oldest: int = 0
    """The first one that they are for."""
    needs_pyx: bool = False
    """Whether they need Cython sources beside the generated C."""

    def helps(self, *, minor: int, has_pyx: bool) -> bool:
        """Whether they can help on CPython 3.`minor`."""
        return self.oldest <= minor <= self.newest and (has_pyx or not self.needs_pyx)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a line means.

    A group of `pattern` fills `{name}` in `explanation` and in the remedies; the group `names`,
    with several names in it, gives each of them remedies of its own.
    """

    code: str
    turn: Turn
    pattern: re.Pattern[str]
    explanation: str
    proposals: tuple[Proposal, ...] = ()
    stages: frozenset[str] = field(default=BUILDING)


def _line(pattern: str) -> re.Pattern[str]:
    # Compilers quote as the locale has it: typographically, or with apostrophes.
    return re.compile(pattern.replace("<'>", "['\u2018\u2019`\"]"))


_REGENERATE = (
    Proposal((RegenerateCython("cython<3"),), 0.8, newest=12, needs_pyx=True),
    Proposal((RegenerateCython("cython>=3.0.11,<3.1"),), 0.6, needs_pyx=True),
)
_LEND = Proposal((LendCApi(),), 0.6, oldest=9)
_NOT_SUPPORTED = Proposal((NotSupportedBySources(), OlderInterpreter()), 0.9)
_AS_OF = Proposal((AsOfReleaseDate(),), 0.7)
_RELAX = (
    Proposal(
        (
            RelaxBuildRequirements(),
            CapBuildRequirement("cython<3"),
            CapBuildRequirement("numpy<2"),
        ),
        0.6,
        newest=12,
    ),
    Proposal((RelaxBuildRequirements(),), 0.5),
)

_ADDED = {
    "attr": "attrs",
    "babel": "babel",
    "certifi": "certifi",
    "cffi": "cffi",
    "click": "click",
    "colorama": "colorama",
    "cppy": "cppy",
    "dateutil": "python-dateutil",
    "docutils": "docutils",
    "enscons": "enscons",
    "flit": "flit",
    "flit_core": "flit-core",
    "future": "future",
    "hatch_vcs": "hatch-vcs",
    "hatchling": "hatchling",
    "importlib_metadata": "importlib-metadata",
    "importlib_resources": "importlib-resources",
    "incremental": "incremental",
    "jinja2": "jinja2",
    "jupyter_packaging": "jupyter-packaging",
    "mako": "mako",
    "markdown": "markdown",
    "mesonpy": "meson-python",
    "mock": "mock",
    "mypy": "mypy",
    "mypyc": "mypy",
    "nose": "nose",
    "packaging": "packaging",
    "pbr": "pbr",
    "pdm": "pdm-backend",
    "pkgconfig": "pkgconfig",
    "ply": "ply",
    "poetry": "poetry-core",
    "psutil": "psutil",
    "py_cpuinfo": "py-cpuinfo",
    "cpuinfo": "py-cpuinfo",
    "pybind11": "pybind11",
    "pycparser": "pycparser",
    "pyparsing": "pyparsing",
    "pypandoc": "pypandoc",
    "pytest_runner": "pytest-runner",
    "ptr": "pytest-runner",
    "pytz": "pytz",
    "requests": "requests",
    "scikit_build_core": "scikit-build-core",
    "semantic_version": "semantic-version",
    "setuptools": "setuptools",
    "setuptools_git": "setuptools-git",
    "setuptools_rust": "setuptools-rust",
    "setuptools_scm": "setuptools-scm",
    "simplejson": "simplejson",
    "sipbuild": "sip",
    "six": "six",
    "skbuild": "scikit-build",
    "sphinx": "sphinx",
    "toml": "toml",
    "tomli": "tomli",
    "tomlkit": "tomlkit",
    "tqdm": "tqdm",
    "typing_extensions": "typing-extensions",
    "vcversioner": "vcversioner",
    "versioneer": "versioneer",
    "wheel": "wheel",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}

DISTRIBUTIONS: Mapping[str, tuple[Proposal, ...]] = {
    **{
        module: (Proposal((AddBuildRequirement(project),), 0.8),)
        for module, project in _ADDED.items()
    },
    "Cython": (
        Proposal((AddBuildRequirement("cython<3"),), 0.8, newest=12),
        Proposal((AddBuildRequirement("cython"),), 0.6),
    ),
    "numpy": (
        Proposal((AddBuildRequirement("numpy<2"),), 0.8, newest=12),
        Proposal((AddBuildRequirement("numpy"),), 0.6),
    ),
    # Builds ask it for what it had inside.
    "pip": (
        Proposal((AddBuildRequirement("pip<20"),), 0.6, newest=11),
        Proposal((AddBuildRequirement("pip"),), 0.5),
    ),
    "scipy": (Proposal((AddBuildRequirement("scipy"), AddBuildRequirement("numpy<2")), 0.6),),
}
"""Modules that builds import without saying so, and what brings them.

Reviewed: a name that anyone could register on an index must not get into a build because a log
mentions it."""

RULES: tuple[Rule, ...] = (
    # What comes from build requirements, whose own builds have logs of their own.
    Rule(
        "requirement-unbuildable",
        Turn.PROJECT,
        _line(r"^\u00d7 Failed to (build|download and build) <'>(?P<name>[\w.-]+)"),
        "{name}, which the build needs, has no wheel for this Python in the version that is asked "
        "for, and does not build here. The project can require a version that has one.",
        (*_RELAX, _AS_OF),
    ),
    Rule(
        "dependency-unbuildable",
        Turn.PROJECT,
        _line(r"^\u00d7 Failed to (build|download and build) <'>(?P<name>[\w.-]+)"),
        "{name}, which the package requires, has no wheel for this Python and does not build here, "
        "so that nobody could install the package. The project can require a version that has one.",
        (),
        frozenset({SMOKE}),
    ),
    Rule(
        "other-python-needed",
        Turn.PROJECT,
        _line(
            r"([Rr]equires?|[Nn]eeds?|[Oo]nly supports?|[Mm]ust (be|use)) (at least )?[Pp]ython"
            r"( version)?s? ?(>=? ?|<=? ?)?[23]\.\d+|[Pp]ython (3\.\d+|version) .*not supported"
        ),
        "The sources say themselves that they are for other versions of Python. The project can "
        "declare it in Requires-Python.",
        (_NOT_SUPPORTED,),
        BUILDING | {SMOKE},
    ),
    # What Python 3 never had.
    Rule(
        "python-2-only",
        Turn.PROJECT,
        _line(
            r"(SyntaxError: (Missing parentheses in call to <'>(print|exec)|multiple exception"
            r" types must be parenthesized|invalid decimal literal|leading zeros in decimal)"
            r"|No module named <'>(?P<name>urllib2|urlparse|ConfigParser|commands|cPickle|StringIO"
            r"|cStringIO|httplib|Queue|__builtin__|HTMLParser|Tkinter|copy_reg|htmlentitydefs"
            r"|xmlrpclib|SocketServer|BaseHTTPServer|dummy_thread|thread|sets|md5|new)<'>"
            r"|NameError: name <'>(?P<a>unicode|xrange|execfile|raw_input|basestring|file|reduce"
            r"|unichr|long|cmp)<'> is not defined"
            r"|<'>dict<'> object has no attribute <'>(?P<b>has_key|iteritems|itervalues)<'>)"
        ),
        "The sources are written for Python 2. The project can release sources for Python 3.",
        (_NOT_SUPPORTED,),
        BUILDING | {SMOKE},
    ),
    Rule(
        "newer-syntax",
        Turn.PROJECT,
        _line(r"(SyntaxError: |TabError: |IndentationError: )"),
        "The sources use words or spellings that this Python does not accept: `async` is a keyword "
        "since 3.7, and newer syntax is unknown to older Pythons. The project can declare which "
        "Pythons it is for in Requires-Python.",
        (_AS_OF, _NOT_SUPPORTED),
    ),
    Rule(
        "newer-syntax",
        Turn.PROJECT,
        _line(r"(SyntaxError: |TabError: |IndentationError: )"),
        "The package has words or spellings that this Python does not accept. The project can "
        "declare which Pythons it is for in Requires-Python.",
        (_NOT_SUPPORTED,),
        frozenset({SMOKE}),
    ),
    Rule(
        "numpy-distutils",
        Turn.PROJECT,
        _line(r"No module named <'>numpy\.distutils(\.\w+)*<'>"),
        "The build uses numpy.distutils, which there is none of for Python 3.12 and later. The "
        "project can move to another build backend.",
        (
            Proposal(
                (AddBuildRequirement("numpy<1.26"), CapBuildRequirement("setuptools<65")),
                0.8,
                newest=11,
            ),
            _NOT_SUPPORTED,
        ),
    ),
    # What the interpreter no longer has.
    Rule(
        "removed-module",
        Turn.PROJECT,
        _line(r"No module named <'>(?P<name>imp)<'>"),
        "The build imports the standard module {name}, which Python 3.12 removed. The project "
        "can use importlib in its setup.py.",
        (Proposal((ShimModule("imp"),), 0.8, oldest=12), _AS_OF),
    ),
    Rule(
        "removed-module",
        Turn.PROJECT,
        _line(
            r"No module named <'>(?P<name>imp|distutils|asynchat|asyncore|smtpd|cgi|cgitb|crypt"
            r"|pipes|telnetlib|imghdr|sndhdr|audioop|xdrlib|uu|nntplib|lib2to3)(\.\w+)*<'>"
        ),
        "The package imports the standard module {name}, which this Python no longer has. The "
        "project can release sources without it.",
        (_NOT_SUPPORTED,),
        frozenset({SMOKE}),
    ),
    Rule(
        "removed-module",
        Turn.PROJECT,
        _line(r"No module named <'>(?P<name>distutils)(\.\w+)*<'>"),
        "The build imports distutils, which Python 3.12 removed and setuptools still brings. The "
        "project can declare setuptools in build-system.requires.",
        (Proposal((AddBuildRequirement("setuptools"),), 0.8, oldest=12),),
    ),
    Rule(
        "removed-attribute",
        Turn.PROJECT,
        _line(
            r"(module <'>(?P<name>collections|configparser|inspect)<'> has no attribute <'>\w+<'>"
            r"|cannot import name <'>\w+<'> from <'>(?P<other>collections|configparser|inspect)<'>)"
        ),
        "The build uses a name that Python removed from the standard library: collections lost "
        "its abstract base classes in 3.10, inspect getargspec in 3.11, configparser "
        "SafeConfigParser in 3.12. The project can use their successors.",
        (
            Proposal(
                (ShimModule("collections"), ShimModule("configparser"), ShimModule("inspect")),
                0.7,
                oldest=10,
            ),
            _AS_OF,
        ),
    ),
    Rule(
        "removed-attribute",
        Turn.PROJECT,
        _line(
            r"(module <'>(?P<name>collections|configparser|inspect)<'> has no attribute <'>\w+<'>"
            r"|cannot import name <'>\w+<'> from <'>(?P<other>collections|configparser|inspect)<'>)"
        ),
        "The package uses a name that Python removed from the standard library. The project can "
        "release sources that use its successor.",
        (_NOT_SUPPORTED,),
        frozenset({SMOKE}),
    ),
    # What newer build tools no longer do.
    Rule(
        "use-2to3",
        Turn.PROJECT,
        _line(r"use_2to3 is invalid"),
        "The sources are converted from Python 2 by use_2to3, which setuptools 58 removed. The "
        "project can release sources that need no conversion.",
        (Proposal((CapBuildRequirement("setuptools<58"),), 0.9, newest=11), _NOT_SUPPORTED),
    ),
    Rule(
        "missing-pkg-resources",
        Turn.PROJECT,
        _line(r"No module named <'>pkg_resources(\.\w+)*<'>"),
        "The build imports pkg_resources, which setuptools no longer has. The project can require "
        "setuptools<81 or use importlib.metadata.",
        (
            Proposal(
                (AddBuildRequirement("setuptools<81"), CapBuildRequirement("setuptools<81")), 0.9
            ),
        ),
    ),
    Rule(
        "removed-from-setuptools",
        Turn.PROJECT,
        _line(
            r"(No module named <'>setuptools\.command\.test<'>"
            r"|cannot import name <'>\w+<'> from <'>(setuptools|pkg_resources|distutils)[\w.]*<'>"
            r"|No module named <'>(setuptools|pkg_resources)\.[\w.]+<'>"
            r"|module <'>(setuptools|pkg_resources|distutils)[\w.]*<'> has no attribute"
            r"|Multiple top-level (packages|modules) discovered"
            r"|invalid command name|error in .* setup command: "
            r"|canonicalize_version\(\) got an unexpected keyword argument"
            r"|Invalid dash-separated key|InvalidVersion: Invalid version"
            r"|(InvalidConfigError|SetupRequirementsError): |configuration error: `project)"
        ),
        "The build relies on what newer versions of setuptools no longer do. The project can "
        "require an older setuptools, or follow the change.",
        (
            _AS_OF,
            Proposal((CapBuildRequirement("setuptools<72"),), 0.5),
            Proposal((RelaxBuildRequirements(), CapBuildRequirement("setuptools<72")), 0.4),
            Proposal((CapBuildRequirement("setuptools<58"),), 0.4, newest=11),
        ),
    ),
    Rule(
        "pip-inside",
        Turn.PROJECT,
        _line(
            r"(No module named <'>pip\.(req|_internal|download|index)[\w.]*<'>"
            r"|cannot import name <'>\w+<'> from <'>pip[\w.]*<'>)"
        ),
        "The build uses what pip has inside, which changes from version to version. The project "
        "can read its requirements by itself.",
        (
            Proposal((AddBuildRequirement("pip<10"), CapBuildRequirement("pip<10")), 0.6, newest=9),
            Proposal(
                (AddBuildRequirement("pip<20"), CapBuildRequirement("pip<20")), 0.5, newest=11
            ),
            _AS_OF,
        ),
    ),
    Rule(
        "wheel-command-missing",
        Turn.PROJECT,
        _line(r"invalid command <'>bdist_wheel<'>"),
        "The build's setuptools is older than its command for wheels, which the package wheel "
        "brings. The project can require it.",
        (Proposal((AddBuildRequirement("wheel"),), 0.9),),
    ),
    Rule(
        "setuptools-too-old",
        Turn.PROJECT,
        _line(r"module <'>pkgutil<'> has no attribute <'>ImpImporter<'>"),
        "The build uses a setuptools that is older than this Python. The project can require "
        "setuptools>=66.1 where it runs on Python 3.12.",
        (
            Proposal((AddBuildRequirement("setuptools>=66.1"),), 0.5),
            Proposal((RelaxBuildRequirements(), CapBuildRequirement("cython<3")), 0.5),
        ),
    ),
    Rule(
        "cython-too-new",
        Turn.PROJECT,
        _line(
            r"(Cython\.Compiler\.Errors\.(CompileError|InternalError)|Error compiling Cython file"
            r"|AttributeError: cython_sources"
            r"|<'>build_ext<'> object has no attribute <'>cython_sources<'>)"
        ),
        "The Cython sources are not valid for the Cython that was installed. The project can "
        "require the one it was written for.",
        (
            Proposal((CapBuildRequirement("cython<3"),), 0.8, newest=12),
            _AS_OF,
            Proposal((RelaxBuildRequirements(), CapBuildRequirement("cython<3")), 0.5, newest=12),
            Proposal((RelaxBuildRequirements(),), 0.4),
        ),
    ),
    Rule(
        "numpy-too-new",
        Turn.PROJECT,
        _line(
            r"(<'>(PyArray_Descr|struct _PyArray_Descr)<'>.* has no member named"
            r"|no member named <'>\w+<'> in <'>(PyArray_Descr|struct _PyArray_Descr)<'>)"
        ),
        "The sources use what the C interface of version 2 hides. The project can require "
        "numpy<2 for its build.",
        (Proposal((CapBuildRequirement("numpy<2"),), 0.8, newest=12), _AS_OF),
    ),
    Rule(
        "embeds-python",
        Turn.FARM,
        _line(r"undefined symbol: (?P<name>_?Py[A-Z_]\w*)\s+\(\S+\)"),
        "A program in the wheel has Python inside, and takes {name} from a library that "
        "users do not have beside it. The farm's operators can give builders a Python that is "
        "linked statically.",
        (),
        frozenset({SMOKE}),
    ),
    # What the C API no longer has.
    Rule(
        "removed-c-api",
        Turn.PROJECT,
        _line(
            r"(?P<name>_PyFloat_(Unp|P)ack[248]|_PyObject_GC_IS_TRACKED|_Py_IsFinalizing"
            r"|PyEval_Call(Object|ObjectWithKeywords|Function|Method))\b"
        ),
        "The C sources use {name}, which newer Pythons have under another name. The project can "
        "release sources that use that.",
        (_LEND, *_REGENERATE, _NOT_SUPPORTED),
        BUILDING | {SMOKE},
    ),
    Rule(
        "removed-c-api",
        Turn.PROJECT,
        _line(
            r"fatal error: <'>?(?P<name>longintrepr\.h|graminit\.h|parsetok\.h|pyarena\.h"
            r"|symtable\.h)(: No such file|<'> file not found)"
        ),
        "The C sources include {name}, which this Python does not have. Where Cython wrote them, "
        "a newer Cython writes ones that work; the project can release those.",
        (*_REGENERATE, Proposal((LendCApi(),), 0.6, oldest=11, newest=11), _NOT_SUPPORTED),
    ),
    Rule(
        "removed-c-api",
        Turn.PROJECT,
        _line(
            r"(unknown type name <'>(?P<a>CFrame|_Py\w+|PyUnicode_\w+)<'>"
            r"|<'>?(PyThreadState|PyTypeObject|PyFrameObject|PyCodeObject|PyInterpreterState"
            r"|PyASCIIObject|PyUnicodeObject|struct _(ts|is|frame|typeobject))"
            r"<'>?.*has no member named <'>(?P<b>\w+)<'>"
            r"|incomplete (typedef|type) <'>(?P<c>Py\w+|struct _(frame|is|ts))<'>"
            r"|too (few|many) arguments to function <'>(?P<d>_?Py\w+)<'>"
            r"|implicit declaration of function <'>(?P<e>_?Py\w+)<'>"
            r"|error: <'>(?P<f>_?Py\w+)<'> (undeclared|was not declared in this scope)"
            r"|there are no arguments to <'>(?P<g>_?Py\w+)<'>"
            r"|no member named <'>(?P<h>\w+)<'> in <'>struct _(ts|is|frame|typeobject)<'>"
            r"|incomplete definition of type <'>(?P<i>(struct _)?(Py\w+|frame|is|ts))<'>"
            r"|undeclared (function|identifier) <'>(?P<j>_?Py\w+)<'>)"
        ),
        "The C sources use a part of Python's C interface that this Python no longer has. Where "
        "Cython wrote them, a newer Cython writes ones that work; else the project can release "
        "sources that know this Python.",
        (*_REGENERATE, _NOT_SUPPORTED),
    ),
    Rule(
        "removed-c-api",
        Turn.PROJECT,
        _line(r"(lvalue required as left operand of assignment|expression is not assignable)"),
        "The C sources assign to what newer Pythons have as a function (Py_TYPE, Py_SIZE and "
        "Py_REFCNT since 3.10 and 3.11). The project can use Py_SET_TYPE and its like.",
        (_LEND, *_REGENERATE, _NOT_SUPPORTED),
    ),
    Rule(
        "removed-c-api",
        Turn.PROJECT,
        _line(r"undefined symbol: (?P<name>_?Py[A-Z_]\w*)"),
        "The extension needs {name}, which this Python does not have: the sources were written "
        "for an older one. The project can release sources without it.",
        (*_REGENERATE, _NOT_SUPPORTED),
        frozenset({SMOKE}),
    ),
    Rule(
        "undefined-symbol",
        Turn.PROJECT,
        _line(r"undefined symbol: (?P<name>\w+)"),
        "The extension needs {name}, and nothing that it is linked with has it. The project's "
        "build decides what is linked.",
        (),
        frozenset({SMOKE}),
    ),
    # What the compiler no longer forgives.
    Rule(
        "portable-toolchain",
        Turn.FARM,
        _line(
            r"(affineur: error: this build asks for (?P<name>\S+), which"
            r"|error: (unsupported (linker|preprocessor) (arg|extension flag)|unknown clang option)"
            r":? ?<'>?(?P<a>[\w.,=-]*)|unable to find (dynamic|static) system library"
            r"|error: (sub-compilation of|unknown target CPU)"
            # Nothing would say which symbol of which glibc that is.
            r"|call to undeclared (library )?function)"
        ),
        "The portable toolchain does not do what this build asks for. It is compiled with what the "
        "builder's distribution has instead, and runs on systems that are as new as that.",
        (Proposal((HostToolchain(),), 0.8),),
    ),
    Rule(
        "compiler-strictness",
        Turn.PROJECT,
        _line(
            r"error: (implicit declaration of function|incompatible pointer types?"
            r"|.*from incompatible pointer type|.*makes (integer|pointer) from"
            r"|type (specifier missing|defaults to)|return type defaults to)"
        ),
        "The C sources rely on what compilers took for granted and no longer do. The project can "
        "declare what it calls, and convert pointers openly.",
        (
            Proposal(
                (
                    CompilerFlags(
                        "-Wno-error=implicit-function-declaration -Wno-error=implicit-int "
                        "-Wno-error=incompatible-pointer-types -Wno-error=int-conversion"
                    ),
                ),
                0.7,
            ),
        ),
    ),
    Rule(
        "compiler-strictness",
        Turn.PROJECT,
        _line(r"error: .*\[-Werror=(?P<name>[\w+-]+)\]"),
        "The build makes an error of a warning that its compiler did not have. The project can "
        "leave -Werror to its own tests.",
        (Proposal((CompilerFlags("-Wno-error={name} -Wno-error"),), 0.6),),
    ),
    Rule(
        "compiler-strictness",
        Turn.PROJECT,
        _line(
            r"error: (ISO C\+\+1[17] does not allow|narrowing conversion of"
            r"|.*is not a member of <'>std<'>; did you mean <'>std::auto_ptr"
            r"|<'>(auto_ptr|unary_function|binary_function|bind2nd|random_shuffle)<'>)"
        ),
        "The C++ sources are for an older standard than the compiler's own. The project can say "
        "which one it is.",
        (Proposal((CompilerFlags("-std=gnu++14 -Wno-narrowing"),), 0.6),),
    ),
    Rule(
        "compiler-strictness",
        Turn.PROJECT,
        _line(r"<'>u?int(8|16|32|64)_t<'> (does not name a type|has not been declared|was not)"),
        "The sources use the types of stdint.h without including it, which older libraries did for "
        "them. The project can include it.",
        (Proposal((CompilerFlags("-include stdint.h"),), 0.7),),
    ),
    Rule(
        "common-symbols",
        Turn.PROJECT,
        _line(r"multiple definition of "),
        "Several files define the same variable, which compilers before GCC 10 joined. The project "
        "can define it once and declare it elsewhere.",
        (Proposal((CompilerFlags("-fcommon"),), 0.7),),
    ),
    Rule(
        "position-dependent-code",
        Turn.PROJECT,
        _line(r"recompile with -fPIC"),
        "A part of the sources is compiled for programs and linked into an extension. The project "
        "can compile it with -fPIC.",
        (Proposal((CompilerFlags("-fPIC"),), 0.7),),
    ),
    # What the machine lacks.
    Rule(
        "python-headers-missing",
        Turn.FARM,
        _line(
            r"fatal error: <'>?(?P<name>Python\.h|pyconfig\.h)(: No such file|<'> file not found)"
        ),
        "The builder's Python has no {name}. The farm's operators must install its headers.",
    ),
    Rule(
        "missing-build-requirement",
        Turn.PROJECT,
        _line(r"fatal error: <'>?(?P<name>numpy)/[\w./]+(: No such file|<'> file not found)"),
        "The C sources need the headers of {name}, which the sources do not declare. The project "
        "can name it in build-system.requires of its pyproject.toml.",
        DISTRIBUTIONS["numpy"],
    ),
    Rule(
        "missing-build-requirement",
        Turn.PROJECT,
        _line(r"fatal error: <'>?(?P<name>pybind11)/[\w./]+(: No such file|<'> file not found)"),
        "The C++ sources need the headers of {name}, which the sources do not declare. The project "
        "can name it in build-system.requires of its pyproject.toml.",
        DISTRIBUTIONS["pybind11"],
    ),
    Rule(
        "missing-submodule",
        Turn.PROJECT,
        _line(
            r"fatal error: <'>?(?P<name>(\.\./|\./|(third_?party|vendor|deps|external)/)\S+?)"
            r"(: No such|<'> file not found)"
        ),
        "The C sources need {name}, which belongs to the project itself and is not in its sdist. "
        "The project can release an sdist that is complete.",
    ),
    Rule(
        "missing-header",
        Turn.FARM,
        _line(
            r"(fatal error: (?P<name>[\w./+-]+): No such file or directory"
            r"|fatal error: <'>(?P<a>[\w./+-]+)<'> file not found)"
        ),
        "The C sources need {name}, which belongs to a library that is not on the builder. The "
        "project can name the library in its [external] table; the farm's operators can add it.",
        (Proposal((SystemPackage("{name}"),), 0.8),),
    ),
    Rule(
        "missing-library",
        Turn.FARM,
        _line(r"cannot find -l(?P<name>[\w.+-]+)"),
        "The build links with the library {name}, which is not on the builder. The farm's "
        "operators can add it.",
        (Proposal((SystemPackage("lib{name}.so"),), 0.8),),
    ),
    Rule(
        "missing-pkg-config",
        Turn.FARM,
        _line(
            r"(Package <'>?(?P<name>[\w.+-]+)<'>?,? .*(was )?not found"
            r"|No package <'>(?P<a>[\w.+-]+)<'> found|Dependency <'>(?P<b>[\w.+-]+)<'> not found"
            r"|pkg-config has none of: (?P<names>[\w.+-]+(, [\w.+-]+)*))"
        ),
        "The build asks pkg-config for a library that is not on the builder. The farm's "
        "operators can add it.",
        (Proposal((SystemPackage("{name}.pc"),), 0.8),),
    ),
    Rule(
        "missing-file",
        Turn.PROJECT,
        _line(
            r"(No such file or directory: <'>(?P<name>([\w.-]+/)*[\w-]+\.(txt|rst|md|in|cfg|toml"
            r"|json|py|c|h|cpp|pyx|ini|ya?ml|lst))<'>|FileNotFoundError: .*<'>(?P<a>(README|CHANGES"
            r"|HISTORY|LICENSE|VERSION|requirements|CHANGELOG|NEWS|AUTHORS)[\w.-]*)<'>)"
        ),
        "The build reads the file {name}, which is not in the sdist. The project can release an "
        "sdist that is complete.",
    ),
    Rule(
        "missing-tool",
        Turn.FARM,
        _line(
            r"(cmake: (command )?not found|No such file or directory: <'>cmake<'>"
            r"|unable to execute <'>?cmake<'>?: No such file|command <'>cmake<'> failed: No such"
            r"|[Pp]roblem with the (CMake|cmake) installation"
            r"|(CMake|cmake) (must be|is not) installed|CMake .*(is )?required)"
        ),
        "The build runs CMake, which the sources do not declare. The project can name it in "
        "build-system.requires of its pyproject.toml.",
        (
            Proposal((AddBuildRequirement("cmake<4"), AddBuildRequirement("ninja")), 0.5),
            Proposal((SystemPackage("cmake"),), 0.5),
        ),
    ),
    Rule(
        "missing-tool",
        Turn.FARM,
        _line(
            r"((?P<name>ninja|swig|meson|patchelf): (command )?not found"
            r"|No such file or directory: <'>(?P<a>ninja|swig|meson|patchelf)<'>"
            r"|unable to execute <'>?(?P<b>ninja|swig|meson|patchelf)<'>?: No such file"
            r"|command <'>(?P<c>ninja|swig|meson|patchelf)<'> failed: No such file)"
        ),
        "The build runs {name}, which the sources do not declare. The project can name it in "
        "build-system.requires of its pyproject.toml.",
        (
            Proposal((AddBuildRequirement("{name}"),), 0.6),
            Proposal((SystemPackage("{name}"),), 0.5),
        ),
    ),
    Rule(
        "cmake-too-new",
        Turn.PROJECT,
        _line(r"Compatibility with CMake < 3\.\d+ has been removed"),
        "The sources are for a CMake older than 4. The project can require cmake<4.",
        (
            Proposal((AddBuildRequirement("cmake<4"), CapBuildRequirement("cmake<4")), 0.9),
            Proposal((RelaxBuildRequirements(), CapBuildRequirement("cmake<4")), 0.5),
        ),
    ),
    Rule(
        "missing-cmake-package",
        Turn.FARM,
        _line(
            r"([Cc]ould not find a package configuration file provided by \W(?P<name>[\w.+-]+)\W"
            r"|Could NOT find (?P<a>[\w.+-]+) )"
        ),
        "The build asks CMake for {name}, which is not on the builder. The farm's operators can "
        "add it.",
        (
            Proposal((SystemPackage("{name}.pc"),), 0.4),
            Proposal((SystemPackage("lib{name}.so"),), 0.4),
        ),
    ),
    Rule(
        "missing-library",
        Turn.FARM,
        _line(
            r"(headers or library files could not be found for (?P<name>[\w.+-]+)"
            r"|configure: error: .*\b(?P<a>lib[\w+-]+)\b.*(not found|missing|required)"
            r"|[Cc]ould not (find|locate) (the )?(?P<b>lib[\w+-]+)( library)?\b)"
        ),
        "The build looks for the library {name}, which is not on the builder. The farm's operators "
        "can add it.",
        (
            Proposal((SystemPackage("lib{name}.so"),), 0.6),
            Proposal((SystemPackage("{name}.so"),), 0.5),
            Proposal((SystemPackage("{name}.pc"),), 0.4),
        ),
    ),
    Rule(
        "system-package-unfit",
        Turn.FARM,
        _line(
            r"(^[\w .-]+ cannot install [^:]+: |needs \d+ bytes of packages"
            r"|is no name of a package|^this builder installs no system packages)"
        ),
        "The build needs a package of the distribution's that this builder cannot give it. The "
        "farm's operators can look at its sources of packages.",
    ),
    Rule(
        "system-package-unknown",
        Turn.PROJECT,
        _line(r"no package of .+ owns (?P<name>\S+)$"),
        "The build needs {name}, which no package of the builder's distribution has. The project "
        "can ship it, or do without.",
    ),
    Rule(
        "missing-tool",
        Turn.FARM,
        _line(
            r"((?P<name>[\w.+-]*-?config|[\w.+-]+_config) (executable )?(not found|is required)"
            r"|(?P<a>[\w.+-]+): (command )?not found$"
            r"|No such file or directory: <'>(?P<b>[\w.+-]+)<'>(: <'>[\w.+-]+<'>)?$"
            r"|unable to execute <'>?(?P<c>[\w.+-]+)<'>?: No such file"
            r"|command <'>(?P<d>[\w.+-]+)<'> failed: No such file"
            r"|(?P<e>[\w.+-]+) (must be|is not) installed (and|or) (in|on) (your )?PATH)"
        ),
        "The build runs a program that is not on the builder. The farm's operators can add it.",
        (Proposal((SystemPackage("{name}"),), 0.8),),
    ),
    Rule(
        "rust-needed",
        Turn.FARM,
        _line(
            r"(can<'>t find Rust compiler|[Cc]argo, the Rust package manager, is not installed"
            r"|cargo: (command )?not found|rustc: (command )?not found"
            r"|No such file or directory: <'>(cargo|rustc)<'>|requires Rust (nightly|\d)"
            r"|failed to (download|get|fetch) .*crates?|crates-io|requires rustc \d"
            r"|may not be used on the stable release channel"
            r"|`?(cargo|rustc)`? (is )?not (found|installed)"
            r"|Cargo metadata failed|Unable to find maturin script"
            r"|Rust (toolchain|compiler) .*(not|required|needed))"
        ),
        "The build needs Rust, with crates that builders without a network cannot fetch. The "
        "farm's operators can offer a Rust toolchain and a mirror of crates.",
    ),
    Rule(
        "network-needed",
        Turn.PROJECT,
        _line(
            r"(Temporary failure in name resolution|Name or service not known"
            r"|Network is unreachable|Could not resolve host|getaddrinfo failed"
            r"|nodename nor servname|Download error on https?:)"
        ),
        "The build fetches something from the network, and builds here have none beside the "
        "index. The project can ship what it needs, or declare it as a build requirement.",
    ),
    Rule(
        "out-of-memory",
        Turn.PROJECT,
        _line(
            r"(fatal error: Killed signal terminated program|virtual memory exhausted"
            r"|out of memory allocating|^MemoryError\b)"
        ),
        "The compiler ran out of memory. It needs less where it optimises less.",
        (Proposal((CompilerFlags("-O1"),), 0.4),),
    ),
    Rule(
        "requirement-unavailable",
        Turn.PROJECT,
        _line(r"No solution found when resolving dependencies"),
        "The build requirements cannot be had together for this Python. The project declares them.",
        (*_RELAX, _AS_OF),
    ),
)

MISSING_MODULE = _line(r"No module named <'>(?P<name>\w+)(\.\w+)*<'>")

FALLBACKS: tuple[Rule, ...] = (
    Rule(
        "compile-error",
        Turn.PROJECT,
        _line(r"^\S.*?:\d+(:\d+)?: (fatal error|error): \S"),
        "The compiler does not accept the sources; this is its first complaint. The project can "
        "release sources that compile with today's compilers and this Python.",
        (*_REGENERATE, _AS_OF),
    ),
    Rule(
        "link-error",
        Turn.PROJECT,
        _line(r"(undefined reference to|ld returned \d+ exit status|undefined symbol)"),
        "The linker does not find what the sources call. The project's build decides what is "
        "linked.",
        (_AS_OF,),
    ),
    Rule(
        "dependency-moved-on",
        Turn.PROJECT,
        _line(
            r"(cannot import name <'>\w+<'> from|No module named|has no attribute|requires .* but"
            r"|ContextualVersionConflict|DistributionNotFound|PackageNotFoundError)"
        ),
        "The package cannot be imported with today's versions of what it requires, or without "
        "what it does not declare. The project can say which versions it works with.",
        (),
        frozenset({SMOKE}),
    ),
    Rule(
        "import-error",
        Turn.PROJECT,
        _line(r"^[A-Za-z_][\w.]*(Error|Exception|Warning|Exit|Interrupt)\b"),
        "The package was built, and fails when it is imported. The project can release sources "
        "that work on this Python.",
        (),
        frozenset({SMOKE}),
    ),
    Rule(
        "setup-error",
        Turn.PROJECT,
        _line(r"(^[A-Za-z_][\w.]*(Error|Exception|Exit)\b|\berror: \S|\bERROR: \S|^Exception)"),
        "The project's own build code stops with this error. The project can release sources whose "
        "build works on this Python.",
        (_AS_OF,),
    ),
)
"""For lines that no rule knows: the kind of failure, and the requirements of its own time."""
