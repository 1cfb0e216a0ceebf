"""Source `monitor`, only with --monitor: running guests asked what CPU they got.

libvirt's guests are asked through libvirt (which marks them as tainted); others at the QMP socket that their
own arguments name. libvirt's own monitor sockets are never touched: a second connection to one hangs.
"""

import json
import re
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence

from .allow_qemu import split_commas, split_qemu_arguments
from .look import Look
from .options import Options
from .processes import QemuProcess, find_qemu_processes, guest_name, guest_uuid
from .qmp import MISSHAPEN, MISSHAPEN_TEXT, Qmp, QmpError, Query, Reply, command_of, parse_reply
from .record import Data, Json, NothingFoundError, Problems
from .virsh import Virsh

_SOCKET_LIMIT_S = 3.0
_LIBVIRT_PATH = re.compile(r"(^|/)libvirt(/|$)")
_PROPERTIES = ("feature-words", "filtered-features", "unavailable-features", "type")

Ask = Callable[[Sequence[Query]], List[Reply]]


def gather(look: Look, options: Options, problems: Problems) -> Data:
    """Ask libvirt's running domains, then the guests that have a QMP socket of their own."""
    processes = find_qemu_processes(look)
    guests = [*_libvirt_guests(look, options, processes, problems), *_other_guests(look, processes, problems)]
    return {"guests": guests}


def _libvirt_guests(
    look: Look, options: Options, processes: List[QemuProcess], problems: Problems
) -> Iterator[Data]:
    try:
        virsh = Virsh(look, options, problems)
    except NothingFoundError:
        return
    (listed,) = virsh.ask(["list --uuid"], "virsh list")
    pids = {guest_uuid(process.arguments): process.pid for process in processes}
    uuids = re.findall(r"^[0-9a-f-]{36}$", listed.text if listed else "", re.MULTILINE)
    names = virsh.ask(["domname %s" % uuid for uuid in uuids], "virsh domname")
    for uuid, named in zip(uuids, names):  # noqa: B905  # strict= came with Python 3.10
        what = "virsh qemu-monitor-command %s" % uuid

        def ask(queries: Sequence[Query], uuid: str = uuid, what: str = what) -> List[Reply]:
            return _ask_virsh(virsh, uuid, queries, what)

        yield from _guest(
            ask,
            named.text.strip() if named else None,
            pids.get(uuid),
            "virsh qemu-monitor-command",
            what,
            problems,
        )


def _ask_virsh(virsh: Virsh, uuid: str, queries: Sequence[Query], what: str) -> List[Reply]:
    questions = ["qemu-monitor-command %s '%s'" % (uuid, json.dumps(command_of(query))) for query in queries]
    replies = []
    for answer in virsh.ask(questions, what, read_only=False):
        if answer is None or not answer.text.strip():
            replies.append(Reply(None, answer.error if answer and answer.error else "no answer"))
            continue
        try:
            replies.append(parse_reply(json.loads(answer.text)))
        except ValueError:
            replies.append(Reply(None, "the answer is no JSON"))
    return replies


def _other_guests(look: Look, processes: List[QemuProcess], problems: Problems) -> Iterator[Data]:
    for process in processes:
        for path in qmp_sockets(process.arguments):
            what = "QMP socket of process %d" % process.pid
            try:
                connection = look.connect("/proc/%d/root%s" % (process.pid, path))
            except OSError as error:
                problems.add_os_error(what, error, "run as root or as QEMU's user")
                continue
            with connection:
                limit_s = min(_SOCKET_LIMIT_S, look.remaining_s())
                qmp = Qmp(connection.fileno(), connection.fileno(), limit_s)
                try:
                    qmp.greet()
                    found = list(
                        _guest(qmp.ask, guest_name(process.arguments), process.pid, "unix socket", what, problems)
                    )
                except QmpError as error:
                    problems.add(what, str(error), "another program may hold it: it serves one at a time")
                    continue
            yield from found
            break


def qmp_sockets(arguments: List[str]) -> List[str]:
    """Return the absolute paths of the QMP server sockets that QEMU's arguments name, libvirt's left out."""
    sockets: Dict[str, str] = {}
    controls = []
    paths = []
    for option, value in split_qemu_arguments(arguments[1:]):
        parts = split_commas(value or "")
        fields = dict(part.partition("=")[::2] for part in parts)
        if option in ("qmp", "qmp-pretty") and parts[0].startswith("unix:"):
            paths.append(parts[0][len("unix:") :])
        elif option == "chardev" and parts[0] == "socket" and "path" in fields:
            sockets[fields.get("id", "")] = fields["path"]
        elif option == "mon" and fields.get("mode") == "control":
            controls.append(fields.get("chardev", parts[0]))
        elif option == "qmp" and parts[0].startswith("chardev:"):
            controls.append(parts[0][len("chardev:") :])
    paths.extend(sockets[name] for name in controls if name in sockets)
    return [path for path in paths if path.startswith("/") and not _LIBVIRT_PATH.search(path)]


class _Words(NamedTuple):
    feature_words: Reply
    filtered: Reply
    unavailable: Reply
    model: Reply
    sgx: Reply
    listed: Reply


def _guest(
    ask: Ask, name: Optional[str], pid: Optional[int], via: str, what: str, problems: Problems
) -> Iterator[Data]:
    """Yield what a guest's first CPU object says (nothing if it cannot be asked)."""
    (cpus,) = ask([("query-cpus-fast", {})])
    if cpus.error or not cpus.value:
        problems.add(what, cpus.error or "the guest has no CPU")
        return
    try:
        yield {"domain": name, "pid": pid, "via": via, **_report(ask, cpus.value[0]["qom-path"])}
    except MISSHAPEN:
        problems.add(what, MISSHAPEN_TEXT, "see that QEMU is what serves there")


def _report(ask: Ask, path: str) -> Data:
    """Return what a CPU object says. Raises one of MISSHAPEN for answers that are not QEMU's."""
    words = _Words(
        *ask(
            [
                *(("qom-get", {"path": path, "property": name}) for name in _PROPERTIES),
                ("query-sgx", {}),
                ("qom-list", {"path": path}),
            ]
        )
    )
    unavailable = words.unavailable.value
    return {
        "feature_words": words.feature_words.value,
        "filtered_features": words.filtered.value,
        "unavailable_features": None if unavailable is None else [_text(feature) for feature in unavailable],
        "model": words.model.value,
        "properties": _switches(ask, path, words.listed),
        "sgx": words.sgx.value,
    }


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _switches(ask: Ask, path: str, listed: Reply) -> Dict[str, bool]:
    """Return the CPU object's boolean properties; in one query where QEMU has it, else in one each."""
    (together,) = ask([("qom-list-get", {"paths": [path]})])
    if not together.error and together.value:
        listing: List[Dict[str, Json]] = together.value[0]["properties"]
        return {
            one["name"]: one["value"]
            for one in listing
            if one["type"] == "bool" and isinstance(one.get("value"), bool)
        }
    names = sorted(one["name"] for one in listed.value or () if one["type"] == "bool")
    replies = ask([("qom-get", {"path": path, "property": name}) for name in names])
    pairs = zip(names, replies)  # noqa: B905  # strict= came with Python 3.10
    return {name: reply.value for name, reply in pairs if isinstance(reply.value, bool)}
