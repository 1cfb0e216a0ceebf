"""The collector as one Python source text, for `python3 -` on a host where nothing is installed.

The text holds the modules' own sources as string literals, line by line, so that it can be read before it is
trusted; it runs on Python 3.6 and up, and says so on an older one. The same version makes the same bytes, so that
a checksum tells whose it is.
"""

import importlib.util
import os
import stat
from typing import Callable, Iterable, Optional

from . import VERSION

# What the collector needs on the host that it looks at: all but `remote`, which sends it there.
COLLECTOR_MODULES = (
    "__init__",
    "access",
    "active",
    "allow",
    "allow_qemu",
    "allow_xml",
    "anonymise",
    "bundle",
    "collect",
    "commands",
    "cpuid",
    "cpuid_child",
    "cpuid_walk",
    "domains",
    "kvm",
    "libvirt",
    "look",
    "main",
    "monitor",
    "msr",
    "nova",
    "options",
    "proc",
    "processes",
    "qemu",
    "qmp",
    "record",
    "runner",
    "sgx",
    "virsh",
    "xml_filter",
    "xml_text",
)

PACKAGE = "vcpuid_gather"

# What people see who open the file. With -I no module of a user or of PYTHONPATH hides one of Python's own.
_COLLECTOR_HEAD = """\
#!/usr/bin/python3 -I
# vcpuid-collect {version}: writes down which CPU features this machine has, from silicon to guests, as JSON.
# SPDX-FileCopyrightText: The vcpuid authors
# SPDX-License-Identifier: Apache-2.0
#
#   python3 -I vcpuid-collect --access             what a run would read and start; looks at nothing
#   python3 -I vcpuid-collect -o host.json         look, and write a snapshot; as root it sees more
#   python3 -I vcpuid-collect --help               all options
#
# It needs Python 3.6 or newer and nothing else, installs nothing, and sends nothing anywhere. Take host.json to a
# machine that has vcpuid, and ask it there: vcpuid why sgx --host host.json
#
# Below stand the modules of vcpuid's collector, line by line, and at the end what starts them.
# `vcpuid collect --bundle` of the same version prints this very file.
"""

# Understood by any Python 3 and by Python 2, which must live to say that it is too old.
_HEAD = """\
import sys
if sys.version_info < (3, 6):
    sys.exit("vcpuid-collect needs Python 3.6 or newer; this is %d.%d" % sys.version_info[:2])
if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
    del sys.path[0]  # the folder of this file: others may have put modules there
MODULES = {}
"""

_TAIL = '''\
import importlib.abc
import importlib.util


class Bundled(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Find and load the modules of this file, and give their source back."""

    def find_spec(self, name, path=None, target=None):
        if name == PACKAGE or name.startswith(PACKAGE + "."):
            if self.module(name) in MODULES:
                return importlib.util.spec_from_loader(name, self, is_package=name == PACKAGE)
        return None

    def module(self, name):
        return name[len(PACKAGE) + 1:] or "__init__"

    def is_package(self, name):
        return name == PACKAGE

    def get_source(self, name):
        return MODULES[self.module(name)]


sys.meta_path.insert(0, Bundled())
importlib.import_module(PACKAGE + "." + ENTRY).main(sys.argv[1:])
'''


def bundle(modules: Iterable[str], entry: str) -> str:
    """Return the source text of a program that holds `modules` and calls `main(arguments)` of `entry`.

    Args:
        modules: names of this package's modules, `__init__` among them.
        entry: the module whose `main` takes the command line's arguments.
    """
    parts = [_HEAD, "PACKAGE = %r\nENTRY = %r\n" % (PACKAGE, entry)]
    for name in modules:
        parts.append("MODULES[%r] = (\n" % name)
        parts.extend("    %s\n" % _literal(line) for line in module_source(name).splitlines(keepends=True))
        parts.append("    ''\n)\n")
    parts.append(_TAIL)
    return "".join(parts)


def bundle_collector() -> str:
    """Return the source text of the whole collector, with a head that says what it is."""
    return _COLLECTOR_HEAD.format(version=VERSION) + bundle(COLLECTOR_MODULES, "main")


def make_executable(path: str) -> None:
    """Let all those execute a file who may read it; a device or pipe is left as it is. Raises OSError."""
    mode = os.stat(path).st_mode
    if stat.S_ISREG(mode):
        os.chmod(path, stat.S_IMODE(mode) | (mode & 0o444) >> 2)


def bundle_cpuid_child() -> str:
    """Return the source text of the program that executes the CPUID instruction."""
    return bundle(["__init__", "cpuid_walk", "cpuid_child"], "cpuid_child")


def module_source(name: str) -> str:
    """Return the source text of one of this package's modules, wherever it was loaded from.

    Raises:
        LookupError: the interpreter runs without sources.
    """
    package = __name__.rpartition(".")[0]
    full_name = package if name == "__init__" else "%s.%s" % (package, name)
    specification = importlib.util.find_spec(full_name)
    loader = specification.loader if specification else None
    # An InspectLoader, which is not asked by this name: importlib.abc takes longer to import than all of this.
    get_source: Optional[Callable[[str], Optional[str]]] = getattr(loader, "get_source", None)
    source = get_source(full_name) if get_source else None
    if source is None:
        raise LookupError("%s: its source text is not there (an installation without .py files?)" % full_name)
    return source


def _literal(line: str) -> str:
    return ascii(line)
