"""Random questions to the real libvirt and to our rules: where do they differ?

    python -m tools.compare_libvirt [--cases N] [--seed N] [--dumps FOLDER] [--root DIR]

asks libvirtd (qemu:///system) for cpu-compare, hypervisor-cpu-compare, cpu-baseline and hypervisor-cpu-baseline of
random definitions, beside our rules with the installed map, this host's CPU and what QEMU can do as libvirt tells
them. It reads libvirtd's cache, so it runs as root. /dev/kvm has to be open to QEMU's user, or each answer takes
a minute. With --root it is another system's libvirtd, which runs in that folder: virsh is called by chroot.

What the QEMU driver makes of a baseline beside the rules was measured with libvirt 9.0 and 11.3: cpu-baseline
leaves the features of LEFT_OUT out; hypervisor-cpu-baseline forbids the fallback, and leaves out what QEMU has no
property for, not what this host cannot give: for that it only takes away what blocks the model. With --migratable
it goes by QEMU's word, not the map's (xsaves stays).

Definitions are what random bits are left of the hosts of real dumps, or a random model with features put to it and
taken away; some are faulty. The seed makes them again. A difference counts unless a row of
tests/peers/hypervisor_differences.csv explains it.
"""

import argparse
import random
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lxml import etree
from tools.tally import Explanations, Tally
from tools.virsh_session import SYSTEM_URI, Answer, Question, Virsh

from vcpuid.dumps import read_dump
from vcpuid.errors import InputError, VcpuidError
from vcpuid.guest.libvirt import parse_cpu, parse_xml
from vcpuid.rules.libvirt.baseline import baseline
from vcpuid.rules.libvirt.compare import Relation, compare
from vcpuid.rules.libvirt.decode import Blockers, Side, decode
from vcpuid.rules.libvirt.definition import expand
from vcpuid.rules.libvirt.map_reader import read_map, walk_map
from vcpuid.rules.libvirt.models import CpuData, Models
from vcpuid.terms.guest import GuestCpu, Policy

TESTS = Path(__file__).resolve().parent.parent / "tests"
DUMPS = TESTS / "dumps"
DIFFERENCES = TESTS / "peers" / "hypervisor_differences.csv"
CACHE = "var/cache/libvirt/qemu/capabilities"
MOST = 4
"""The most definitions of one baseline."""

LEFT_OUT = frozenset(
    (
        *("cmt", "mbm_local", "mbm_total", "ospke", "osxsave"),
        *("vmx-ept-uc", "vmx-ept-wb", "vmx-invvpid-single-context"),  # 11.3's map has them, 9.0's not
    )
)
"""The features that the QEMU driver's cpu-baseline leaves out: QEMU gives a guest none of them by name."""

MESSAGES = {
    "specified more than once": "named twice",
    "Unknown CPU feature": "unknown CPU feature",
    "Unknown CPU model": "unknown CPU model",
    "Unknown CPU vendor": "unknown CPU vendor",
    "vendors do not match": "of several vendors",
    "differs from vendor": "says another vendor",
    "CPUs are incompatible": "no feature in common",
    "Cannot find suitable CPU model": "no model of the map",
}
"""What libvirt says of definitions that it refuses, and what we say of the same fault."""

RELATIONS = {
    "identical": Relation.IDENTICAL,
    "superset": Relation.SUPERSET,
    "incompatible": Relation.INCOMPATIBLE,
}

Outcome = tuple[object, ...]
"""An answer in a form that both sides share."""


@dataclass(frozen=True, slots=True)
class Case:
    """Definitions that belong together, as text, and whether virsh is asked to write the features out."""

    number: int
    documents: tuple[str, ...]
    expands: bool = False

    def question(self, command: str) -> Question:
        """Give what virsh is asked."""
        option = " --features" if self.expands and "baseline" in command else ""
        return Question(f"{command}{option}", "\n".join(self.documents))

    def cpus(self) -> list[GuestCpu]:
        """Give the definitions as we read them."""
        return [parse_definition(document) for document in self.documents]


def parse_definition(text: str) -> GuestCpu:
    """Read one <cpu>."""
    return parse_cpu(parse_xml(text, "definition"), "definition")


class Writer:
    """Writes random definitions, of hosts or of guests.

    Args:
        models: The map.
        hosts: CPUs of real machines.
        seed: Where chance begins.
        side: Whose definitions they are; a guest's have policies.
    """

    def __init__(self, models: Models, hosts: Sequence[CpuData], seed: int, side: Side) -> None:
        self._models = models
        self._hosts = hosts
        self._rng = random.Random(seed)  # noqa: S311 -- chance that can be repeated
        self._side = side

    def cases(self, count: int, most: int = MOST) -> list[Case]:
        """Give cases of one to `most` definitions, mostly of one vendor."""
        return [Case(number, tuple(self._definitions(most)), self._chance(50)) for number in range(count)]

    def _chance(self, percent: int) -> bool:
        return self._rng.randrange(100) < percent

    def _definitions(self, most: int) -> Iterator[str]:
        vendor = self._rng.choice(self._hosts).vendor
        same = [host for host in self._hosts if host.vendor == vendor]
        count = self._rng.randint(1, most)
        for _ in range(count):
            host = self._rng.choice(self._hosts if self._chance(5) else same)
            # libvirt reads all definitions before it judges one: it would not matter which fault stands first.
            yield self._definition(host, repeats=count == 1 and self._chance(5))

    def _definition(self, host: CpuData, *, repeats: bool) -> str:
        model, features = self._left_of(host) if self._chance(70) else self._around_a_model(host.vendor)
        vendor = host.vendor if self._chance(80) else None
        if self._side is Side.GUEST:
            policies = tuple(Policy)
            features = [(name, self._rng.choice(policies) if self._chance(20) else old) for name, old in features]
        if self._chance(2):
            model, vendor = self._rng.choice((("Nothing", vendor), (model, "Nobody"), (model, "AMD")))
        if self._chance(2):
            features.append(("nothing", Policy.REQUIRE))
        if repeats and features:
            features.append(self._rng.choice(features))
        return self._render(model, vendor, features)

    def _left_of(self, host: CpuData) -> tuple[str, list[tuple[str, Policy]]]:
        bits = host.bits
        percent = self._rng.choice((0, 0, 2, 10, 30, 60))
        for feature in self._models.features.values():
            if self._chance(percent):
                bits &= ~feature.bits
        try:
            cpu = decode(self._models, host._replace(bits=bits), self._side).cpu
        except InputError:  # too little is left for any model
            return self._around_a_model(host.vendor)
        return cpu.model or "", [(request.name, request.policy) for request in cpu.requests]

    def _around_a_model(self, vendor: str | None) -> tuple[str, list[tuple[str, Policy]]]:
        models = [one.name for one in self._models.models.values() if one.vendor in {vendor, None}]
        names = self._rng.sample(list(self._models.features), self._rng.randint(0, 12))
        policies = (Policy.REQUIRE, Policy.DISABLE) if self._side is Side.GUEST else (Policy.REQUIRE,)
        return self._rng.choice(models), [(name, self._rng.choice(policies)) for name in names]

    def _render(self, model: str, vendor: str | None, features: Iterable[tuple[str, Policy]]) -> str:
        vendor_line = f"<vendor>{vendor}</vendor>" if vendor else ""
        if self._side is Side.HOST:
            lines = "".join(f"<feature name='{name}'/>" for name, _ in features)
            return f"<cpu><arch>x86_64</arch><model>{model}</model>{vendor_line}{lines}</cpu>"
        lines = "".join(f"<feature policy='{policy.value}' name='{name}'/>" for name, policy in features)
        match = self._rng.choice(("exact", "exact", "strict", "minimum"))
        return f"<cpu mode='custom' match='{match}'><model>{model}</model>{vendor_line}{lines}</cpu>"


def read_hosts(models: Models, folder: Path) -> list[CpuData]:
    """Give the first CPU of each dump in a folder, where the map has a model for it."""
    hosts = []
    for path in sorted(folder.iterdir()):
        try:
            data = models.read(read_dump(path).cpus[0])
            decode(models, data, Side.HOST)
        except (VcpuidError, OSError):
            continue
        hosts.append(data)
    return hosts


def describe(cpu: GuestCpu) -> Outcome:
    """Give what two descriptions of a CPU have to agree in."""
    requests = tuple((request.name, request.policy) for request in cpu.requests)
    return cpu.mode, cpu.match, cpu.model, cpu.fallback, cpu.vendor, requests


def refused(ours: str) -> Outcome:
    """Give the outcome of a definition that is refused, by the words that we have for the fault."""
    return ("refused", next((words for words in MESSAGES.values() if words in ours), ours))


def attempt(ask: Callable[[], Outcome]) -> Outcome:
    """Give our outcome."""
    try:
        return ask()
    except InputError as error:
        return refused(error.message)


def theirs(answer: Answer) -> Outcome:
    """Give libvirt's outcome: a description, a relation or a fault in our words."""
    if answer.error:
        return refused(next((ours for words, ours in MESSAGES.items() if words in answer.error), answer.error))
    if answer.text.startswith("<cpu"):
        return describe(parse_definition(answer.text))
    return (next((relation for word, relation in RELATIONS.items() if word in answer.text), answer.text),)


def our_baseline(
    models: Models,
    case: Case,
    *,
    allowed: Blockers | None = None,
    offered: Collection[str] | None = None,
    finish: Callable[[GuestCpu], GuestCpu] = lambda cpu: cpu,
) -> Outcome:
    """Give our baseline of a case; `finish` is what a driver makes of it."""

    def ask() -> Outcome:
        cpu = baseline(models, case.cpus(), allowed=allowed, offered=offered).cpu
        return describe(finish(expand(models, cpu) if case.expands else cpu))

    return attempt(ask)


def our_relation(models: Models, host: GuestCpu, case: Case) -> Outcome:
    """Give our comparison of a case's first definition with a host."""
    return attempt(lambda: (compare(models, host, case.cpus()[0]).relation,))


def differences(
    virsh: Virsh, command: str, cases: Sequence[Case], ours: Callable[[Case], Outcome]
) -> Iterator[tuple[Case, Outcome, Outcome]]:
    """Give the cases in which our outcome is not libvirt's, with both."""
    answers = virsh.ask([case.question(command) for case in cases])
    for case, answer in zip(cases, answers, strict=True):
        mine, other = ours(case), theirs(answer)
        if mine != other:
            yield case, mine, other


@dataclass(frozen=True, slots=True)
class System:
    """What the libvirt of this machine says of it, in libvirt's names.

    Attributes:
        host: The host's CPU, from its capabilities.
        guest: What mode host-model stands for, from the domain capabilities.
        blockers: QEMU's models, each with what keeps this host from running it.
        properties: The features that QEMU has a property for, each with whether a guest can migrate with it.
    """

    host: GuestCpu
    guest: GuestCpu
    blockers: Blockers
    properties: Mapping[str, bool]


def read_system(virsh: Virsh) -> System:
    """Ask libvirt for the host's CPU and for what QEMU can do; the reasons stand in libvirtd's cache only."""
    capabilities, domain = (parse_xml(virsh.output(name), name) for name in ("capabilities", "domcapabilities"))
    host, guest = capabilities.find("host/cpu"), domain.find("cpu/mode[@name='host-model']")
    caches = [parse_xml(path.read_bytes(), path.name) for path in sorted((virsh.root / CACHE).glob("*.xml"))]
    cache = next((one for one in caches if one.findtext("emulator") == domain.findtext("path")), None)
    if host is None or guest is None or cache is None:
        raise InputError("libvirt names no CPU of this host, or its cache is not readable", source=virsh.uri)
    files = {path.name: path.read_text("utf-8") for path in virsh.map.glob("*.xml")}
    names = {
        alias.get("name"): item.element.get("name") or ""
        for item in walk_map(files, str(virsh.map))
        for alias in item.element.iterfind("alias[@source='qemu']")
    }

    def named(element: etree._Element) -> str:
        name = element.get("name") or ""
        return names.get(name, name)

    return System(
        parse_cpu(host, "capabilities"),
        parse_cpu(guest, "domcapabilities"),
        {
            model.get("name") or "": [named(blocker) for blocker in model.iterfind("blocker")]
            for model in cache.iterfind("cpu[@type='kvm']")
        },
        {
            named(entry): entry.get("migratable") != "no"
            for entry in cache.iterfind("hostCPU[@type='kvm']/property[@type='boolean']")
        },
    )


def without_fallback(cpu: GuestCpu) -> GuestCpu:
    """Do as hypervisor-cpu-baseline does with a baseline."""
    return replace(cpu, fallback=False)


def without_left_out(cpu: GuestCpu) -> GuestCpu:
    """Do as the QEMU driver's cpu-baseline does with a baseline."""
    return replace(cpu, requests=tuple(request for request in cpu.requests if request.name not in LEFT_OUT))


def make_plans(models: Models, system: System) -> dict[str, Callable[[Case], Outcome]]:
    """Give what is asked of libvirtd, and ours to each."""

    def of_hypervisor(case: Case, *, migratable: bool) -> Outcome:
        # Whether a guest can migrate with a feature is for QEMU to say here, not for the map.
        offered = [name for name, can_migrate in system.properties.items() if can_migrate or not migratable]
        return our_baseline(models, case, allowed=system.blockers, offered=offered, finish=without_fallback)

    return {
        "cpu-compare": lambda case: our_relation(models, system.host, case),
        "hypervisor-cpu-compare": lambda case: our_relation(models, system.guest, case),
        "cpu-baseline": lambda case: our_baseline(models, case, finish=without_left_out),
        "hypervisor-cpu-baseline": lambda case: of_hypervisor(case, migratable=False),
        "hypervisor-cpu-baseline --migratable": lambda case: of_hypervisor(case, migratable=True),
    }


def tell(outcome: Outcome) -> str:
    """Give an outcome as text: a relation, a refusal, or a description as Python writes it."""
    match outcome:
        case (Relation() as relation,):
            return relation.value
        case ("refused", str() as words):
            return f"refused, {words}"
    return str(outcome)


def add_differences(tally: Tally, label: str, count: int, found: Iterable[tuple[Case, Outcome, Outcome]]) -> None:
    """Take the result of one command: how many cases there were, and those that differ."""
    tally.counts[label] += count
    for case, ours, other in found:
        text = f"{label}: {' '.join(case.documents)}"
        tally.add(f"{label}, with a difference", text, [f"ours {tell(ours)}, libvirt's {tell(other)}"])


def main(words: Sequence[str] | None = None) -> int:
    """Ask all, print the counts; the status is 1 where something differs that nothing explains."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cases", type=int, default=2000, metavar="N", help="of each kind (default: 2000)")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument(
        "--dumps", type=Path, default=DUMPS, metavar="FOLDER", help="real CPUs (default: the tests')"
    )
    parser.add_argument("--root", type=Path, metavar="DIR", help="the folder of another system")
    arguments = parser.parse_args(words)
    virsh = Virsh.inside(arguments.root, SYSTEM_URI) if arguments.root else Virsh(SYSTEM_URI)
    models = Models(read_map(virsh.map))
    hosts = read_hosts(models, arguments.dumps)
    tally = Tally(Explanations.load(DIFFERENCES))
    for command, ours in make_plans(models, read_system(virsh)).items():
        for side in Side:
            if command == "cpu-baseline" and side is Side.GUEST:
                continue  # it takes hosts' definitions only
            most = 1 if "compare" in command else MOST
            cases = Writer(models, hosts, arguments.seed, side).cases(arguments.cases, most)
            found = differences(virsh, command, cases, ours)
            add_differences(tally, f"{command}, {side.value}s", len(cases), found)
    return tally.tell()


if __name__ == "__main__":
    sys.exit(main())
