"""Holds our -cpu for libvirt's domain XML against the real libvirt: random domains, each given to both.

    python -m tools.compare_domains                     300 domains, seed 1
    python -m tools.compare_domains --count 60 --seed 7
    python -m tools.compare_domains --root DIR          another system's libvirt, which runs in that folder

libvirt is asked by `virsh domxml-to-native qemu-argv` for domains of type qemu with check='none', which needs no
hardware; nothing is started. With --root virsh is called by chroot, with the map and the QEMU of that folder.
/dev/kvm must be open to QEMU's user, or libvirt asks QEMU anew each time. A difference counts unless a row of
tests/peers/domain_differences.csv explains it.
"""

import argparse
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.compare_cpu_strings import PROGRAM, models_of
from tools.tally import Explanations, Tally
from tools.virsh_session import SYSTEM_URI, Answer, Question, Virsh

from vcpuid.answers.guest import translate
from vcpuid.answers.guest.definition import translate_name
from vcpuid.errors import VcpuidError
from vcpuid.guest.libvirt import parse_domain
from vcpuid.guest.qemu import parse_arguments, split_command_line
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.map_reader import read_map
from vcpuid.terms.feature import Dialect
from vcpuid.terms.place import Place

DIFFERENCES = Path(__file__).resolve().parent.parent / "tests/peers/domain_differences.csv"
COMMAND = "domxml-to-native qemu-argv"
_SWITCHES = (
    *(
        "<relaxed state='{}'/>",
        "<vapic state='{}'/>",
        "<spinlocks state='{}' retries='8191'/>",
        "<ipi state='{}'/>",
    ),
    *("<vpindex state='{}'/>", "<runtime state='{}'/>", "<synic state='{}'/>", "<stimer state='{}'/>"),
    *("<reset state='{}'/>", "<vendor_id state='{}' value='a1b2'/>", "<frequencies state='{}'/>"),
    *("<reenlightenment state='{}'/>", "<tlbflush state='{}'/>", "<evmcs state='{}'/>", "<avic state='{}'/>"),
)
_KVM = ("hidden", "hint-dedicated", "poll-control", "pv-ipi")
_FEATURES = (
    *("<pmu state='on'/>", "<pmu state='off'/>", "<pmu/>", "<apic eoi='on'/>", "<apic eoi='off'/>", "<apic/>"),
    *("<pvspinlock state='on'/>", "<pvspinlock state='off'/>", "<pvspinlock/>", "<acpi/>", "<pae/>"),
)
_TIMERS = (
    *(
        "<timer name='kvmclock' present='yes'/>",
        "<timer name='kvmclock' present='no'/>",
        "<timer name='kvmclock'/>",
    ),
    *("<timer name='hypervclock' present='yes'/>", "<timer name='hypervclock' present='no'/>"),
    *("<timer name='hpet' present='no'/>", "<timer name='rtc' tickpolicy='catchup'/>", "<timer name='tsc'/>"),
)
_CPU_PARTS = (
    *("<cache mode='disable'/>", "<cache mode='emulate' level='3'/>"),
    *("<maxphysaddr mode='emulate' bits='42'/>", "<maxphysaddr mode='passthrough'/>"),
    "<maxphysaddr mode='passthrough' limit='39'/>",
)
_TOPOLOGIES = ((1, 1, 4, 1), (2, 1, 1, 2), (1, 2, 2, 1), (4, 1, 1, 1))
_POLICIES = ("require", "require", "disable", "force", "optional", "forbid")
_TYPE = "<os><type arch='x86_64' machine='{}'>hvm</type></os>"


def random_domain(rng: random.Random, cpu_map: CpuMap, models: list[str]) -> str:
    """Makes a domain's XML: a CPU, and what stands beside it and changes -cpu."""
    return "\n".join(
        [
            "<domain type='qemu'><name>vcpuid-compare</name><memory unit='MiB'>256</memory><vcpu>4</vcpu>",
            _TYPE.format(rng.choice(("pc", "q35", "pc-q35-5.2"))),
            _random_features(rng),
            _random_cpu(rng, cpu_map, models),
            f"<clock offset='utc'>{''.join(_one_a_name(rng.sample(_TIMERS, 3)))}</clock>",
            f"<devices><emulator>/usr/bin/{PROGRAM}</emulator></devices></domain>",
        ]
    )


def _random_features(rng: random.Random) -> str:
    state = ("on", "on", "off")
    hyperv = "".join(switch.format(rng.choice(state)) for switch in rng.sample(_SWITCHES, rng.randrange(6)))
    kvm = "".join(f"<{name} state='{rng.choice(state)}'/>" for name in rng.sample(_KVM, rng.randrange(4)))
    mode = rng.choice(("", "", " mode='custom'", " mode='passthrough'"))
    parts = _one_a_name(rng.sample(_FEATURES, rng.randrange(5)))
    parts += [f"<hyperv{mode}>{hyperv}</hyperv>"] * (rng.random() < 0.7)
    parts += [f"<kvm>{kvm}</kvm>"] * (rng.random() < 0.7)
    rng.shuffle(parts)
    return f"<features>{''.join(parts)}</features>"


def _one_a_name(elements: list[str]) -> list[str]:
    """Gives the last element of each tag or timer: libvirt refuses two."""
    return list({re.split(r"[ /]p|[ />]e|[ /]s|/>", element)[0]: element for element in elements}.values())


def _random_cpu(rng: random.Random, cpu_map: CpuMap, models: list[str]) -> str:
    if rng.random() < 0.05:
        return rng.choice(
            ("", "<cpu><topology sockets='1' cores='4' threads='1'/></cpu>", "<cpu mode='maximum'/>")
        )
    names = rng.sample(list(cpu_map.features), rng.randrange(12))
    features = "".join(f"<feature policy='{rng.choice(_POLICIES)}' name='{name}'/>" for name in names)
    vendor = rng.choice(("", "", " vendor_id='KVMKVMKVMKVM'"))
    sockets, dies, cores, threads = rng.choice(_TOPOLOGIES)
    topology = f"<topology sockets='{sockets}' dies='{dies}' cores='{cores}' threads='{threads}'/>"
    parts = [f"<model{vendor}>{rng.choice(models)}</model>"]
    parts += [topology] * (rng.random() < 0.4)
    parts += [rng.choice(_CPU_PARTS)] * (rng.random() < 0.4)
    if rng.random() < 0.1:
        features = rng.choice((features, ""))
        migratable = rng.choice(("", " migratable='on'", " migratable='off'"))
        return f"<cpu mode='maximum'{migratable} check='none'>{''.join(parts[1:])}{features}</cpu>"
    return f"<cpu mode='custom' match='exact' check='none'>{''.join(parts)}{features}</cpu>"


def compare(xml: str, answer: Answer, cpu_map: CpuMap) -> Iterator[str]:
    """Walks the differences between libvirt's -cpu and -smp and ours, an option a line."""
    if answer.error:
        yield f"refused by libvirt: {answer.error}"
        return
    theirs, ours = _options(answer.text), _options(translate(xml, "domain", "qemu", cpu_map=cpu_map).text)
    if "topology" not in xml:
        theirs.pop("smp", None)
    different = {name for name in theirs | ours if theirs.get(name) != ours.get(name)}
    policies = {
        translate_name(request.name, Dialect.LIBVIRT, Dialect.QEMU): f" by policy {request.policy.value}"
        for request in parse_domain(xml, "domain").cpu.requests
    }
    for name in sorted(different):
        yield f"ours {name}={ours.get(name)}{policies.get(name, '')}, libvirt's {theirs.get(name)}"
    order, same = (tuple(name for name in options if name not in different) for options in (ours, theirs))
    if order != same:
        yield f"ours in the order {order}, libvirt's {same}"


def _options(line: str) -> dict[str, str]:
    """Gives the model and options of -cpu in their order, and -smp as an option."""
    words = split_command_line(line, "command line")
    (argument,) = parse_arguments(words, Place("command line")).cpus
    smp = {"smp": words[words.index("-smp") + 1]} if "-smp" in words else {}
    return {"model": argument.model} | {option.name: option.value for option in argument.options} | smp


def ask(virsh: Virsh, domains: list[str]) -> list[Answer]:
    """Gives libvirt's command line for each domain, or its error."""
    return virsh.ask([Question(COMMAND, xml) for xml in domains])


def run(count: int, seed: int, virsh: Virsh | None = None) -> Tally:
    """Compares random domains with a libvirt, by default this machine's."""
    rng = random.Random(seed)  # noqa: S311 - a test's choices, to be repeated
    virsh = virsh or Virsh(SYSTEM_URI)
    cpu_map = read_map(virsh.map)
    known = {*models_of((*virsh.prefix, PROGRAM))}
    models = [name for name in cpu_map.models if name in known]
    domains = [random_domain(rng, cpu_map, models) for _ in range(count)]
    tally = Tally(Explanations.load(DIFFERENCES))
    for xml, answer in zip(domains, ask(virsh, domains), strict=True):
        differences = list(compare(xml, answer, cpu_map))
        tally.add("with a difference" if differences else "the same", xml, differences)
    return tally


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--root", type=Path, metavar="DIR", help="the folder of another system")
    options = parser.parse_args()
    virsh = Virsh.inside(options.root, SYSTEM_URI) if options.root else Virsh(SYSTEM_URI)
    try:
        return run(options.count, options.seed, virsh).tell()
    except (OSError, VcpuidError, subprocess.SubprocessError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    sys.exit(main())
