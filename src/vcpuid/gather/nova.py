"""Source `nova`: the lines of Nova's configuration files that decide about guests' CPUs."""

import re
from typing import Dict, Iterator, List, Tuple

from .allow import filter_nova_value
from .look import MIB, Look
from .options import Options
from .record import Data, NotApplicableError, Problems

USUAL_FILES = (
    "/usr/share/nova/nova-dist.conf",
    "/etc/nova/nova.conf",
    "/etc/nova/nova-cpu.conf",
    "/etc/nova/nova-compute.conf",
    "/etc/kolla/nova-compute/nova.conf",
    "/var/lib/config-data/puppet-generated/nova_libvirt/etc/nova/nova.conf",
    "/var/lib/openstack/config/nova/nova.conf",
    "/var/snap/openstack-hypervisor/common/etc/nova/nova.conf",
)
USUAL_DIRECTORIES = (
    "/etc/nova/nova.conf.d",
    "/etc/nova/nova-compute.conf.d",
    "/etc/nova/conf.d",
    "/var/lib/openstack/config/nova",
)
_SIZE_LIMIT_BYTES = 4 * MIB
_REMEDY = "run as root or in the file's group"


def gather(look: Look, options: Options, problems: Problems) -> Data:
    """Read the given files, or else those of running nova-compute processes and the usual places."""
    paths = list(options.nova_files) or [*_files_in_use(look), *_usual_files(look, problems)]
    files: List[Data] = []
    seen = set()
    for path in paths:
        try:
            status = look.status(path)
            identity = (status.st_dev, status.st_ino)
            if identity not in seen:
                seen.add(identity)
                text = look.read_text(path, _SIZE_LIMIT_BYTES)
                if not _has_sections(text):
                    problems.add(path, "no nova.conf: it has no [section]", "give the path of a nova.conf")
                    continue
                files.append({"path": path, "entries": list(parse_entries(text))})
        except FileNotFoundError as error:
            if path in options.nova_files:
                problems.add_os_error(path, error, "give the path of a nova.conf")
        except OSError as error:
            problems.add_os_error(path, error, _REMEDY)
    if not files and not len(problems):
        raise NotApplicableError("no nova.conf in the usual places (give one with --nova-conf)")
    return {"files": files}


def _usual_files(look: Look, problems: Problems) -> Iterator[str]:
    yield from USUAL_FILES
    for directory in USUAL_DIRECTORIES:
        try:
            names = look.names(directory)
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.add_os_error(directory, error, _REMEDY)
            continue
        yield from ("%s/%s" % (directory, name) for name in names if name.endswith(".conf"))


def _files_in_use(look: Look) -> Iterator[str]:
    """Yield the configuration files that running nova-compute processes were started with, through their root."""
    for pid in look.process_ids():
        arguments = look.process_arguments(pid)
        if not any(re.search(r"(^|/)nova-compute$", argument) for argument in arguments[:3]):
            continue
        root = "/proc/%d/root" % pid
        for option, value in _option_values(arguments):
            if option == "--config-file":
                yield root + value
            elif option == "--config-dir":
                try:
                    names = look.names(root + value)
                except OSError:
                    continue
                yield from (
                    "%s%s/%s" % (root, value.rstrip("/"), name) for name in names if name.endswith(".conf")
                )


def _option_values(arguments: List[str]) -> Iterator[Tuple[str, str]]:
    for position, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        if equals:
            yield option, value
        elif position + 1 < len(arguments):
            yield option, arguments[position + 1]


def _has_sections(text: str) -> bool:
    """Tell whether a text can be a configuration: it has a section's line, or says nothing at all."""
    lines = [line for line in text.splitlines() if line.strip() and line[0] not in "#;"]
    return not lines or any(re.match(r"\[[^\]\0]+\]\s*$", line) for line in lines)


def parse_entries(text: str) -> Iterator[Dict[str, object]]:
    """Parse oslo.config's INI dialect into the entries that the allow-list names.

    Duplicates of a section or key are kept in order, interpolation (`$name`) is kept as written, continuation
    lines are joined by newlines. Source: the documented behaviour of oslo.config's file parser.
    """
    for line, section, key, value in _assignments(text):
        kept = filter_nova_value(section, key, value)
        if kept is not None:
            yield {"line": line, "section": section, "key": key, "value": kept}


def _assignments(text: str) -> Iterator[Tuple[int, str, str, str]]:
    section = "DEFAULT"
    line_of_key, key, values = 0, "", []  # type: Tuple[int, str, List[str]]
    for number, raw in enumerate(re.split("\r\n|\r|\n", text), start=1):
        line = raw.rstrip()
        if line[:1] in (" ", "\t"):
            if key:
                values.append(line.strip())
            continue
        if key:
            yield line_of_key, section, key, "\n".join(values)
            key = ""
        if line.startswith("["):
            section = line[1:-1] if line.endswith("]") else line[1:].partition("]")[0]
        elif line and line[0] not in "#;":
            name, *value = re.split("[=:]", line, maxsplit=1)
            line_of_key, key, values = number, name.strip(), [part.strip() for part in value]
    if key:
        yield line_of_key, section, key, "\n".join(values)
