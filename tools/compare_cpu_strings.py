"""Holds our reading of -cpu against a real QEMU: random strings, each given to a started QEMU and to our parser.

    python -m tools.compare_cpu_strings                       2,000 strings, seed 1
    python -m tools.compare_cpu_strings --count 200 --seed 7 --qemu /usr/bin/qemu-system-x86_64
    python -m tools.compare_cpu_strings --qemu chroot DIR qemu-system-x86_64

QEMU starts under TCG, stopped, and is asked over QMP for every property that a string names. Compared are whether
it starts, what it warns of the grammar, and each value. `x-force-features=on` is put to each string, so that what
TCG lacks is on nevertheless: the grammar is judged, no CPU. Model expansion cannot do this: it refuses `+f` and
`f_g`.
A difference counts unless a row of tests/peers/cpu_string_differences.csv explains it.
"""

import argparse
import json
import random
import re
import subprocess
import sys
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tools.tally import Explanations, Tally

from vcpuid.atlas import Atlas
from vcpuid.guest.qemu import find_faults, find_warnings, parse_cpu
from vcpuid.guest.qemu.properties import find_property, load_properties
from vcpuid.terms.feature import Dialect
from vcpuid.terms.place import Place

DIFFERENCES = Path(__file__).resolve().parent.parent / "tests/peers/cpu_string_differences.csv"
PROGRAM = "qemu-system-x86_64"
INSTALLED = (PROGRAM,)
HERE = Place("-cpu")
_BAD_NAMES = (
    "nosuch",
    "avx512_vnni",
    "sgx-lc",
    "AVX2",
    "av x",
    "",
    "_",
    "-",
    "avx2 ",
    "help",
    "?",
    "+avx2",
    "sse4",
)
_BAD_MODELS = ("nosuch", "Skylake", "QEMU64", "qemu64-v9", "", " qemu64", "qemu64-x86_64-cpu", "skylake-client")
_SWITCH_VALUES = ("on", "off", "yes", "no", "true", "false", "y", "n")
_BAD_SWITCH_VALUES = ("1", "0", "ON", "", " on", "on ", "True", "auto", "on=off")
_NUMBERS = ("0", "1", "5", "13", "0x10", "010", "+7", " 9", "255", "270", "271", "0xd", "65535", "4294967295")
_BAD_NUMBERS = (
    "",
    "on",
    "abc",
    "08",
    "0x",
    "1k",
    "7 ",
    "1-3",
    "18446744073709551616",
    "-1",
    "1.5",
    "65536",
    "256",
)
_TEXTS = ("GenuineIntel", "AuthenticAMD", "abc", "", "Virtual CPU 1.0", "x" * 60, "KVMKVMKVMKVM", "a=b", "+avx2")
_VALUES = {"string": (_TEXTS, _TEXTS), "auto": (("on", "off", "auto"), _BAD_SWITCH_VALUES)}
_FREQUENCIES = (
    "1G",
    "2.5G",
    "1k",
    "1500M",
    "0x1000",
    "10E",
    "abc",
    "",
    "-1",
    "1.5",
    "2.M",
    "1GHz",
    " 4k",
    "1e3",
    ".5M",
)
# QEMU sets these itself, or they end the start for reasons that lie outside of -cpu.
_LEFT_OUT = frozenset(
    [
        "apic-id",
        "core-id",
        "die-id",
        "module-id",
        "node-id",
        "socket-id",
        "thread-id",
        "x-force-features",
        "start-powered-off",
    ]
)


def random_cpu(rng: random.Random, models: list[str], names: list[str]) -> str:
    """Makes one -cpu value; most are taken, some refused, and names come back in other forms and spellings."""
    model = rng.choice(models) if rng.random() > 0.04 else rng.choice(_BAD_MODELS)
    few = rng.sample(names, 4)
    options = [_random_option(rng, few) for _ in range(rng.randrange(1, 9))]
    return ",".join([model, *options])


def _random_option(rng: random.Random, names: list[str]) -> str:
    if rng.random() < 0.03:
        return ""
    if rng.random() < 0.015:
        return rng.choice(("+{}", "-{}", "{}", "{}=on")).format(rng.choice(_BAD_NAMES))
    registered, spelled = _spellings(rng.choice(names))
    name = rng.choice(spelled)
    known = find_property(registered[0])
    assert known is not None
    if known.is_switch:
        form = rng.choice(("+{}", "-{}", "{}", "{}={}", "{}={}"))
        if form[0] in "+-" and rng.random() > 0.03:
            name = rng.choice(registered)  # a sign turns no _ into -
        return form.format(name, rng.choice(_SWITCH_VALUES if rng.random() > 0.015 else _BAD_SWITCH_VALUES))
    if rng.random() < 0.02:
        return rng.choice(("+{}", "-{}", "{}")).format(name)
    if known.name == "tsc-frequency" and rng.random() < 0.6:
        return f"tsc-freq={rng.choice(_FREQUENCIES)}"
    good, bad = _VALUES.get(known.kind, (_NUMBERS, _BAD_NUMBERS))
    return f"{name}={rng.choice(good if rng.random() > 0.05 else bad)}"


@cache
def _spellings(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Gives the names that QEMU has registered for a property, and all that the forms without a sign take."""
    known = find_property(name)
    registered = (name, *sorted((known.spellings if known else frozenset()) - {name}))
    return registered, tuple(dict.fromkeys([*registered, *(text.replace("-", "_") for text in registered)]))


def known_names(version: str) -> list[str]:
    """Gives the names that a version of QEMU has, features and other properties."""
    features = [
        name.text
        for feature in Atlas.load().features()
        for name in feature.names.get(Dialect.QEMU, ())
        if (known := find_property(name.text)) and known.is_known_in(version)
    ]
    others = [name for name, known in load_properties().items() if known.is_known_in(version)]
    # Half of all names are properties with values: there is more to read wrongly.
    return sorted({*features} - _LEFT_OUT) + sorted({*others} - _LEFT_OUT) * 3


@dataclass(frozen=True, slots=True)
class Start:
    """What a real QEMU did with a -cpu value: whether it started, its words, and the properties asked for."""

    started: bool
    said: str
    values: Mapping[str, Any] = field(default_factory=dict)


class Qemu:
    """One started QEMU, with its QMP on a pipe."""

    def __init__(self, program: Sequence[str], cpu: str) -> None:
        options = ["-machine", "pc", "-accel", "tcg", "-S", "-qmp", "stdio", "-display", "none", "-nodefaults"]
        self._process = subprocess.Popen(
            [*program, *options, "-cpu", cpu],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, command: str, **arguments: str) -> Any:  # noqa: ANN401 - QMP's JSON
        """Gives the answer to a QMP command; None where it is refused, or QEMU has ended."""
        if not self._say(json.dumps({"execute": command, "arguments": arguments})):
            return None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                answer = json.loads(line)
            except ValueError:
                return None
            if "return" in answer or "error" in answer:
                return answer.get("return")
        return None

    def _say(self, line: str) -> bool:
        if self._process.stdin is None:
            return False
        try:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
        except BrokenPipeError:  # it did not start; what was to be said is lost
            with suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process.stdin = None
            return False
        return True

    def end(self) -> tuple[int, str]:
        """Ends it, and gives its status and its words."""
        self._say('{"execute":"quit"}')
        said = self._process.communicate(timeout=60)[1]
        return self._process.returncode, said


def start(program: Sequence[str], cpu: str, names: list[str]) -> Start:
    """Starts QEMU with a -cpu value and asks for properties of its CPU."""
    qemu = Qemu(program, cpu)
    values: dict[str, Any] = {}
    qemu.ask("qmp_capabilities")
    cpus = qemu.ask("query-cpus-fast")
    if cpus:
        path = cpus[0]["qom-path"]
        values = {name: qemu.ask("qom-get", path=path, property=name) for name in names}
    status, said = qemu.end()
    return Start(status == 0, said, values)


def compare(text: str, program: Sequence[str], version: str, models: Container[str]) -> Iterator[str]:
    """Walks the differences between QEMU and our reading of a -cpu value, each as a line."""
    argument = parse_cpu(text, HERE)
    faults = list(find_faults(argument, version=version, models=models))
    names = sorted({option.known.name for option in argument.options if option.known})
    forced = f"{text},x-force-features=on" if text else text
    real = start(program, forced, names)
    lines = [line.partition(": ")[2] for line in real.said.splitlines()]
    if real.started == bool(faults):
        ours = f"it is refused: {faults[0].message}" if faults else "it is taken"
        yield f"{'taken' if real.started else 'refused'} by QEMU; we say {ours}; {_last(lines)}"
        return
    if faults:
        # Of several QEMU tells one, and in what order it comes to them is no matter of grammar.
        if not any(fault.qemu in real.said for fault in faults):
            yield f"refused in other words: {faults[0].qemu}; {_last(lines)}"
        return
    warned = [line.removeprefix("warning: ") for line in lines]
    expected = list(find_warnings(argument))
    theirs = [line for line in warned if re.match(r"Ambiguous CPU|Compatibility of amb|hv-vendor-id", line)]
    if expected != theirs:
        yield f"warnings: ours {expected}, QEMU's {theirs}"
    settings = {setting.name: setting.value for setting in argument.cpu.settings}
    for name in names:
        known = find_property(name)
        assert known is not None
        if known.is_switch:
            request = argument.cpu.request_for(known.spellings)
            value: object = None if request is None else request.policy.asks
        else:
            value = settings[name]
        if value is not None and real.values.get(name) != value:
            about = [line for line in warned if f".{name} [" in line]
            yield f"{name}: ours {value!r}, QEMU's {real.values.get(name)!r}; {'; '.join(about)}"


def _last(lines: list[str]) -> str:
    """Gives QEMU's last word, which is why it did not start; nothing of where it only warned."""
    return lines[-1] if lines and not lines[-1].startswith("warning: ") else ""


def models_of(program: Sequence[str]) -> list[str]:
    """Gives the models of a QEMU that TCG can start."""
    qemu = Qemu(program, "qemu64")
    qemu.ask("qmp_capabilities")
    models = [model["name"] for model in qemu.ask("query-cpu-definitions") or ()]
    qemu.end()
    return sorted({*models} - {"host"})


def version_of(program: Sequence[str]) -> str:
    """Gives the version of a QEMU, as in 7.2."""
    said = subprocess.run([*program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"version (\d+\.\d+)", said)
    assert found, said
    return found[1]


def run(program: Sequence[str], count: int, seed: int) -> Tally:
    """Compares random strings."""
    rng = random.Random(seed)  # noqa: S311 - a test's choices, to be repeated
    models, version = models_of(program), version_of(program)
    names = known_names(version)
    tally = Tally(Explanations.load(DIFFERENCES))
    for _ in range(count):
        text = random_cpu(rng, models, names)
        fault = next(find_faults(parse_cpu(text, HERE), version=version, models=models), None)
        tally.add("taken" if fault is None else "refused", text, compare(text, program, version, models))
    return tally


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--qemu", nargs="+", default=INSTALLED, metavar="WORD", help="what starts QEMU")
    options = parser.parse_args()
    return run(options.qemu, options.count, options.seed).tell()


if __name__ == "__main__":
    sys.exit(main())
