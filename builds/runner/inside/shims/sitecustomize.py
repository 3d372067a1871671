"""Gives a build what was removed from the standard modules that AFFINEUR_SHIMS names.

Only what build scripts are known to use, and only where it is missing: nothing that Python still
has is touched. Standard library only, and nothing newer than Python 3.6 knows.
"""

import os
import sys
from importlib import import_module, machinery, util
from types import ModuleType
from typing import Any


def give_imp() -> None:
    """`imp`, removed in 3.12: finding, loading and reloading modules."""
    imp: Any = ModuleType("imp")
    imp.PY_SOURCE, imp.PY_COMPILED, imp.C_EXTENSION = 1, 2, 3
    imp.PKG_DIRECTORY, imp.C_BUILTIN, imp.PY_FROZEN = 5, 6, 7

    def load_source(name: str, path: str, _file: Any = None) -> Any:
        loader = machinery.SourceFileLoader(name, path)
        spec = util.spec_from_file_location(name, path, loader=loader)
        if spec is None:
            raise ImportError(f"cannot load {name} from {path}")
        module = sys.modules.get(name) or util.module_from_spec(spec)
        sys.modules[name] = module
        loader.exec_module(module)
        return module

    def find_module(name: str, path: Any = None) -> Any:
        for folder in sys.path if path is None else path:
            package = os.path.join(folder, name)  # noqa: PTH118 - a caller's text
            if os.path.isfile(os.path.join(package, "__init__.py")):  # noqa: PTH113, PTH118
                return None, package, ("", "", imp.PKG_DIRECTORY)
            source = package + ".py"
            if os.path.isfile(source):  # noqa: PTH113 - a caller's text
                file = open(source, encoding="utf-8")  # noqa: PTH123, SIM115 - the caller closes
                return file, source, (".py", "r", imp.PY_SOURCE)
        raise ImportError(f"No module named {name!r}", name=name)

    def load_module(name: str, _file: Any, path: str, description: Any) -> Any:
        if description[2] == imp.PKG_DIRECTORY:
            path = os.path.join(path, "__init__.py")  # noqa: PTH118 - a caller's text
        return load_source(name, path)

    def get_suffixes() -> Any:
        return [
            *((suffix, "rb", imp.C_EXTENSION) for suffix in machinery.EXTENSION_SUFFIXES),
            *((suffix, "r", imp.PY_SOURCE) for suffix in machinery.SOURCE_SUFFIXES),
            *((suffix, "rb", imp.PY_COMPILED) for suffix in machinery.BYTECODE_SUFFIXES),
        ]

    imp.load_source, imp.find_module, imp.load_module = load_source, find_module, load_module
    imp.get_suffixes = get_suffixes
    imp.get_tag = lambda: sys.implementation.cache_tag
    imp.cache_from_source, imp.source_from_cache = util.cache_from_source, util.source_from_cache
    imp.new_module = ModuleType
    imp.reload = import_module("importlib").reload
    imp.acquire_lock = imp.release_lock = lambda: None
    imp.lock_held = lambda: False
    sys.modules["imp"] = imp


def give_collections() -> None:
    """The abstract base classes that were in `collections` itself until 3.10."""
    collections, abc = import_module("collections"), import_module("collections.abc")
    for name in abc.__all__:
        if not hasattr(collections, name):
            setattr(collections, name, getattr(abc, name))


def give_configparser() -> None:
    """`SafeConfigParser` and `readfp`, removed in 3.12."""
    configparser: Any = import_module("configparser")
    if not hasattr(configparser, "SafeConfigParser"):
        configparser.SafeConfigParser = configparser.ConfigParser
    if not hasattr(configparser.RawConfigParser, "readfp"):
        configparser.RawConfigParser.readfp = configparser.RawConfigParser.read_file


def give_inspect() -> None:
    """`getargspec`, removed in 3.11."""
    inspect: Any = import_module("inspect")
    if not hasattr(inspect, "getargspec"):
        inspect.getargspec = lambda function: inspect.getfullargspec(function)[:4]


GIVERS = {
    "collections": give_collections,
    "configparser": give_configparser,
    "imp": give_imp,
    "inspect": give_inspect,
}


def main() -> None:
    for name in os.environ.get("AFFINEUR_SHIMS", "").split(","):
        if name in GIVERS and (name != "imp" or util.find_spec("imp") is None):
            GIVERS[name]()


main()
