"""The standard library, within the memory image: the common modules loaded, the others as bytecode, because a guest has no
disk to import them from."""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import marshal
import os
import sys

_common = """
abc argparse array ast base64 binascii bisect calendar collections collections.abc contextlib copy csv dataclasses datetime
decimal difflib enum fractions functools glob hashlib heapq html inspect io itertools json keyword linecache locale logging
math numbers operator os pathlib pprint queue random re secrets shutil statistics string struct tempfile textwrap time
timeit traceback types typing unicodedata urllib.parse uuid warnings weakref xml.etree.ElementTree zlib
""".split()

# What needs a screen, a C compiler or an installed Python.
_left_out = {"ensurepip", "idlelib", "lib2to3", "pydoc_data", "test", "tkinter", "turtle", "turtledemo", "venv", "__phello__",
             "site-packages", "config", "distutils", "msilib"}

_packed: dict[str, tuple[bytes, bool]] = {}


class _PackedModules(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    def find_spec(self, fullname, path, target=None):
        if fullname not in _packed:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin="<standard library>",
                                               is_package=_packed[fullname][1])

    def is_package(self, fullname):
        return _packed[fullname][1]

    def get_code(self, fullname):
        return marshal.loads(_packed[fullname][0])

    def get_source(self, fullname):
        return None


def load_common_modules() -> None:
    for name in _common:
        try:
            importlib.import_module(name)
        except ImportError:  # needs something that this build of CPython lacks
            pass


def pack_other_modules() -> None:
    # os.__file__ names the folder that this CPython was built for.
    library = next(folder for folder in sys.path if os.path.isfile(folder + "/fileinput.py"))
    for folder, folders, files in os.walk(library):
        folders[:] = sorted(name for name in folders if name not in _left_out and name != "__pycache__")
        for name in sorted(files):
            if name.endswith(".py") and name[:-3] not in _left_out:
                _pack(library, os.path.join(folder, name))
    sys.meta_path.append(_PackedModules())


def _pack(library: str, path: str) -> None:
    parts = os.path.relpath(path, library)[:-3].split(os.sep)
    is_package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_package else parts)
    if name in sys.modules:
        return
    with open(path, "rb") as file:
        source = file.read()
    try:
        code = compile(source, "<standard library>/" + "/".join(parts) + ".py", "exec", dont_inherit=True)
    except SyntaxError:  # templates that are no modules
        return
    _packed[name] = (marshal.dumps(code), is_package)
