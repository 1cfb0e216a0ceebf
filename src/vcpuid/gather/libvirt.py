"""Source `libvirt`: its version, its view of the host's CPU, domain capabilities and cache, its CPU map."""

import re
import threading
from contextlib import suppress
from typing import Dict, List, Optional

from .allow_xml import CAPABILITIES, DOMAIN_CAPABILITIES
from .look import KIB, MIB, Look
from .options import Options
from .record import Data, NothingFoundError, Problems
from .virsh import Virsh
from .xml_filter import WHOLE, Element, RefusedXMLError, filter_xml

MAP_DIRECTORIES = ("/usr/share/libvirt/cpu_map", "/usr/local/share/libvirt/cpu_map")
CACHE_DIRECTORY = "/var/cache/libvirt/qemu/capabilities"
_DAEMONS = ("libvirtd", "virtqemud")
_VIRT_TYPES = ("kvm", "qemu")
_MAP_FILES_LIMIT = 1000


def gather(look: Look, options: Options, problems: Problems) -> Data:
    """Ask virsh on a read-only connection, for domain capabilities on a full one, and read libvirt's files."""
    data: Data = {
        "virsh": None,
        "uri": options.uri,
        "version": None,
        "capabilities_cpu": None,
        "domain_capabilities": [],
        "cache": _read_cache(look, problems),
        "map": _read_map(look, options, problems),
    }
    with suppress(NothingFoundError):
        _ask_virsh(Virsh(look, options, problems), options, data, problems)
    if not any(data[name] for name in ("version", "domain_capabilities", "cache", "map")):
        raise NothingFoundError
    return data


def _ask_virsh(virsh: Virsh, options: Options, data: Data, problems: Problems) -> None:
    data["virsh"] = virsh.path
    # Two connections at once: where libvirtd probes QEMU, each of its answers takes seconds.
    asking = threading.Thread(target=_ask_domain_capabilities, args=(virsh, data, problems), daemon=True)
    if options.domain_capabilities:
        asking.start()
    else:
        problems.add("domain capabilities", "not asked for (--no-domcapabilities)")
    _ask_version(virsh, data, problems)
    if options.domain_capabilities:
        asking.join()


def _ask_version(virsh: Virsh, data: Data, problems: Problems) -> None:
    version, capabilities = virsh.ask(["version --daemon", "capabilities"], "virsh version, capabilities")
    if version is not None:
        data["version"] = parse_version(version.text)
    if capabilities is not None and capabilities.text:
        kept = _filter(capabilities.text, CAPABILITIES, "virsh capabilities", problems)
        found = re.search(r"<cpu\b.*</cpu>|<cpu/>", kept or "", re.DOTALL)
        data["capabilities_cpu"] = found.group() if found else None


def parse_version(text: str) -> Dict[str, Optional[str]]:
    """Parse what `virsh version --daemon` prints."""

    def find(pattern: str) -> Optional[str]:
        found = re.search(pattern, text)
        return found.group(1) if found else None

    return {
        "library": find(r"Using library: libvirt (\S+)"),
        "daemon": find(r"Running against daemon: (\S+)"),
        "hypervisor": find(r"Running hypervisor: (.+)"),
    }


def _ask_domain_capabilities(virsh: Virsh, data: Data, problems: Problems) -> None:
    questions = ["domcapabilities --virttype %s" % virt_type for virt_type in _VIRT_TYPES]
    answers = virsh.ask(questions, "virsh domcapabilities", read_only=False)
    for virt_type, question, answer in zip(_VIRT_TYPES, questions, answers):  # noqa: B905  # strict= came with 3.10
        if answer is None:
            continue
        if not answer.text:
            problems.add("virsh %s" % question, answer.error or "an empty answer")
            continue
        kept = _filter(answer.text, DOMAIN_CAPABILITIES, "virsh %s" % question, problems)
        if kept:
            emulator = re.search(r"<path>([^<]*)</path>", kept)
            data["domain_capabilities"].append(
                {
                    "virttype": virt_type,
                    "emulator": emulator.group(1) if emulator else None,
                    "machine": None,
                    "xml": kept,
                }
            )


def _filter(text: str, rule: Element, what: str, problems: Problems) -> Optional[str]:
    try:
        return filter_xml(text, rule)
    except RefusedXMLError as error:
        problems.add(what, str(error))
        return None


def _read_cache(look: Look, problems: Problems) -> Optional[List[Data]]:
    """Read the heads of libvirt's capabilities cache: for which QEMU, and whether that was replaced since."""
    try:
        names = [name for name in look.names(CACHE_DIRECTORY) if name.endswith(".xml")]
    except FileNotFoundError:
        return []
    except OSError as error:
        problems.add_os_error(CACHE_DIRECTORY, error, "run as root")
        return None
    entries = []
    for name in names:
        path = "%s/%s" % (CACHE_DIRECTORY, name)
        try:
            text = look.read_head(path, 256 * KIB).decode("utf-8", "replace")
            entries.append(_cache_entry(look, name, int(look.status(path).st_mtime), text))
        except OSError as error:
            problems.add_os_error(path, error, "run as root")
    return entries


def _cache_entry(look: Look, name: str, mtime: int, text: str) -> Data:
    def value(element: str) -> Optional[str]:
        found = re.search(r"<%s>([^<]*)</%s>" % (element, element), text)
        return found.group(1) if found else None

    emulator, changed = value("emulator"), value("qemuctime")
    newer: Optional[bool] = None
    if emulator and changed and changed.isdigit():
        try:
            newer = int(look.status(emulator).st_ctime) != int(changed)
        except OSError:
            newer = None
    return {
        "file": name,
        "mtime": mtime,
        "emulator": emulator,
        "qemu_version": value("version"),
        "libvirt_version": value("selfvers"),
        "emulator_newer": newer,
    }


def _read_map(look: Look, options: Options, problems: Problems) -> Optional[Data]:
    for directory in _map_directories(look, options):
        try:
            names = [name for name in look.names(directory) if name.endswith(".xml")][:_MAP_FILES_LIMIT]
        except OSError as error:
            if directory == options.map_directory:
                problems.add_os_error(directory, error, "give the folder that has libvirt's index.xml")
            continue
        files: Dict[str, str] = {}
        for name in names:
            if re.match(r"(arm|ppc64|loongarch|riscv)", name):
                continue
            path = "%s/%s" % (directory, name)
            try:
                files[name] = filter_xml(look.read_bytes(path, 4 * MIB).decode(), WHOLE)
            except OSError as error:
                problems.add_os_error(path, error)
            except UnicodeDecodeError as error:  # libvirt refuses it too
                problems.add(path, "not UTF-8: byte %02x at %d" % (error.object[error.start], error.start))
            except RefusedXMLError as error:
                problems.add(path, str(error))
        return {"directory": directory, "files": files}
    return None


def _map_directories(look: Look, options: Options) -> List[str]:
    """Return the folders to try: the one given, the running daemon's (which may be in a container), the usual."""
    if options.map_directory:
        return [options.map_directory]
    daemons = [pid for pid in look.process_ids() if look.read_line("/proc/%d/comm" % pid) in _DAEMONS]
    elsewhere = [pid for pid in daemons if _has_other_root(look, pid)]
    if len(elsewhere) < len(daemons):  # one runs here, and it is the one that virsh asks
        return [*MAP_DIRECTORIES]
    return [*("/proc/%d/root%s" % (pid, MAP_DIRECTORIES[0]) for pid in elsewhere), *MAP_DIRECTORIES]


def _has_other_root(look: Look, pid: int) -> bool:
    try:
        theirs, ours = look.status("/proc/%d/root/." % pid), look.status("/.")
    except OSError:
        return False
    return (theirs.st_dev, theirs.st_ino) != (ours.st_dev, ours.st_ino)
