"""Source `domains`: libvirt's domains, as defined and as they run, reduced to what makes their CPU."""

import re
from typing import Dict, List, Optional

from .allow_xml import DOMAIN
from .look import Look
from .options import Options
from .processes import find_qemu_processes, guest_uuid
from .record import Data, NothingFoundError, Problems
from .virsh import Answer, Virsh
from .xml_filter import RefusedXMLError, filter_xml
from .xml_text import unescape

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")


def gather(look: Look, options: Options, problems: Problems) -> Data:
    """List all domains and dump each one's XML, by three virsh processes.

    The XML with which a running domain was started is the one that libvirt would send to another host. The full
    connection alone gives it; all else goes over the read-only one.
    """
    virsh = Virsh(look, options, problems)
    listed, transient = virsh.ask(["list --all --uuid", "list --transient --uuid"], "virsh list")
    if listed is None:
        raise NothingFoundError
    uuids = _uuids(listed)
    # A transient domain has no definition: libvirt gives its live one for it.
    undefined = _uuids(transient) if transient is not None else []
    questions = [
        question
        for uuid in uuids
        for question in ("domstate %s" % uuid, "dumpxml %s" % uuid, "dumpxml --inactive %s" % uuid)
    ]
    answers = virsh.ask(questions, "virsh dumpxml") if questions else []
    lives = answers[1::3]
    running = [uuid for uuid, live in zip(uuids, lives) if live and _domain_id(live.text)]  # noqa: B905
    started = _started(virsh, running)
    pids = {guest_uuid(process.arguments): process.pid for process in find_qemu_processes(look)}
    domains = []
    for number, uuid in enumerate(uuids):
        state, live, inactive = answers[3 * number : 3 * number + 3]
        domain = _domain(uuid, state, live, None if uuid in undefined else inactive, problems)
        if domain is not None:
            this_run = _filter(uuid, started.get(uuid), problems)
            pid = pids.get(uuid) if domain["id"] is not None else None
            domains.append({**domain, "started": this_run, "pid": pid})
    return {"domains": domains}


def _started(virsh: Virsh, uuids: List[str]) -> Dict[str, Optional[Answer]]:
    questions = ["dumpxml --migratable %s" % uuid for uuid in uuids]
    answers = virsh.ask(questions, "virsh dumpxml --migratable", read_only=False) if questions else []
    return dict(zip(uuids, answers))  # noqa: B905  # strict= came with Python 3.10


def _domain_id(xml: str) -> Optional[int]:
    number = re.match(r"<domain\b[^>]*\bid=[\"'](\d+)[\"']", xml.lstrip())
    return int(number.group(1)) if number else None


def _uuids(answer: Answer) -> List[str]:
    return [line.strip() for line in answer.text.splitlines() if _UUID.match(line.strip())]


def _domain(
    uuid: str,
    state: Optional[Answer],
    live: Optional[Answer],
    inactive: Optional[Answer],
    problems: Problems,
) -> Optional[Data]:
    live_xml = _filter(uuid, live, problems)
    inactive_xml = _filter(uuid, inactive, problems)
    if live_xml is None and inactive_xml is None:
        return None  # it went away between the list and the dump, or the time was over: noted already
    name = re.search(r"<name>([^<]*)</name>", inactive_xml or live_xml or "")
    number = _domain_id(live_xml or "")
    return {
        "name": unescape(name.group(1)) if name else uuid,
        "uuid": uuid,
        "state": state.text.strip() if state is not None and state.text else None,
        "id": number,
        "inactive": inactive_xml,
        "live": live_xml if number is not None else None,
    }


def _filter(uuid: str, answer: Optional[Answer], problems: Problems) -> Optional[str]:
    if answer is None:
        return None
    if not answer.text:
        problems.add("virsh dumpxml %s" % uuid, answer.error or "an empty answer")
        return None
    try:
        return filter_xml(answer.text, DOMAIN) or None
    except RefusedXMLError as error:
        problems.add("virsh dumpxml %s" % uuid, str(error))
        return None
