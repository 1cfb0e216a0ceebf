"""Source `cpuid`: each CPU's CPUID rows, from /dev/cpu/N/cpuid or else by the instruction."""

import json
import struct
import sys
from typing import Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

from .bundle import bundle_cpuid_child
from .cpuid_walk import Registers, Rows, walk
from .look import Look
from .options import Options
from .record import Data, NotApplicableError, NothingFoundError, Problems, describe_os_error

CPU_DIRECTORY = "/sys/devices/system/cpu"
DEVICE = "/dev/cpu/%d/cpuid"
_NO_DEVICE_REMEDY = "run as root, and `modprobe cpuid`"


class ChildAnswer(NamedTuple):
    """What the child process that executes the instructions said."""

    rows: Dict[int, Rows]
    refused: Dict[int, str]
    xcr0: Optional[int]


def gather(look: Look, _options: Options, problems: Problems) -> Data:
    """Read every online CPU's rows, but those of CPUs that are isolated for somebody's undisturbed work."""
    machine = look.machine()
    if machine not in ("x86_64", "i686", "i586"):
        raise NotApplicableError("machine is %s" % machine)
    online, left_alone = choose_cpus(look)
    rows, via = _rows_by_device(look, online, problems), "/dev/cpu"
    if not rows:
        rows, via = _rows_by_instruction(look, online, problems), "instruction"
    if not rows:
        raise NothingFoundError
    return {"via": via, "cpus": compact(rows), "not_read": sorted(left_alone)}


def choose_cpus(look: Look) -> Tuple[List[int], Set[int]]:
    """Return the CPUs to ask, and those that are left alone: offline, isolated, or without a timer tick."""
    present = cpu_list(look, "present")
    online = cpu_list(look, "online") or {0}
    undisturbed = cpu_list(look, "isolated") | cpu_list(look, "nohz_full")
    chosen = online - undisturbed
    return sorted(chosen), (present | online) - chosen


def cpu_list(look: Look, name: str) -> Set[int]:
    """Read one of /sys's CPU lists; empty if it is not there."""
    return set(parse_cpu_list(look.read_line("%s/%s" % (CPU_DIRECTORY, name)) or ""))


def parse_cpu_list(text: str) -> Iterable[int]:
    """Parse the kernel's list form, such as `0-3,8`; what is no number (`(null)`) names no CPU."""
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        if first.isdigit() and (not last or last.isdigit()):
            yield from range(int(first), int(last or first) + 1)


def _rows_by_device(look: Look, cpus: List[int], problems: Problems) -> Dict[int, Rows]:
    rows: Dict[int, Rows] = {}
    for cpu in cpus:
        path = DEVICE % cpu
        try:
            with look.device(path) as fd:

                def read(leaf: int, subleaf: int, fd: int = fd) -> Registers:
                    eax, ebx, ecx, edx = struct.unpack("<4I", look.read_at(fd, 16, subleaf << 32 | leaf))
                    return eax, ebx, ecx, edx

                rows[cpu] = walk(read)
        except OSError as error:
            if not rows:
                return {}  # no device at all: the instruction serves as well, and needs no permission
            problems.add_os_error(path, error, _NO_DEVICE_REMEDY)
    return rows


def _rows_by_instruction(look: Look, cpus: List[int], problems: Problems) -> Dict[int, Rows]:
    answer = run_child(look, cpus, problems)
    for cpu, reason in sorted(answer.refused.items()):
        problems.add("CPUID of CPU %d" % cpu, "running on it is refused: %s" % reason, _NO_DEVICE_REMEDY)
    return answer.rows


def run_child(look: Look, cpus: List[int], problems: Problems) -> ChildAnswer:
    """Execute CPUID on each of `cpus`, and XGETBV, in a child process."""
    what = "the CPUID instruction"
    nothing = ChildAnswer({}, {}, None)
    if look.machine() != "x86_64" or sys.maxsize < 1 << 32 or not sys.executable:
        problems.add(what, "this Python is no 64-bit x86 program", _NO_DEVICE_REMEDY)
        return nothing
    command = [sys.executable, "-I", "-S", "-", *map(str, cpus)]
    try:
        done = look.run(command, given=bundle_cpuid_child().encode("ascii"))
    except (OSError, LookupError) as error:
        problems.add(
            what, describe_os_error(error) if isinstance(error, OSError) else str(error), _NO_DEVICE_REMEDY
        )
        return nothing
    lines = done.text.splitlines()
    if not lines or done.status != 0:
        problems.add(what, done.complaint(look.limit_s), _NO_DEVICE_REMEDY)
    return parse_child_answer(lines)


def parse_child_answer(lines: List[str]) -> ChildAnswer:
    """Parse what `cpuid_child` prints: the rows, then XCR0 unless XGETBV ended it."""
    if not lines:
        return ChildAnswer({}, {}, None)
    document = json.loads(lines[0])
    rows = {
        int(cpu): {_child_key(key): tuple(registers) for key, registers in of_cpu.items()}
        for cpu, of_cpu in document["cpus"].items()
    }
    refused = {int(cpu): str(reason) for cpu, reason in document["refused"].items()}
    return ChildAnswer(rows, refused, json.loads(lines[1])["xcr0"] if len(lines) > 1 else None)


def _child_key(text: str) -> Tuple[int, int]:
    leaf, _, subleaf = text.partition(".")
    return int(leaf), int(subleaf)


def rows_as_json(rows: Rows) -> Dict[str, str]:
    """Return rows as the snapshot holds them: leaf in 8 hex digits, subleaf decimal, eax ebx ecx edx."""
    return {"%08x.%d" % key: "%08x %08x %08x %08x" % registers for key, registers in sorted(rows.items())}


def compact(rows: Dict[int, Rows]) -> List[Data]:
    """Return the CPUs' rows, all but the first as a difference to it where less than half of the rows differ."""
    cpus = sorted(rows)
    first = rows_as_json(rows[cpus[0]])
    written: List[Data] = [{"cpu": cpus[0], "rows": first}]
    for cpu in cpus[1:]:
        own = rows_as_json(rows[cpu])
        different = {key: value for key, value in own.items() if first.get(key) != value}
        if 2 * len(different) > len(own):
            written.append({"cpu": cpu, "rows": own})
        else:
            lacks = [key for key in first if key not in own]
            written.append({"cpu": cpu, "like": cpus[0], "rows": different, "lacks": lacks})
    return written
