"""Predictions judged by the guest itself: every model under TCG, with features drawn at random.

A guest is booted with our probe, and what it sees of every word of features is compared with what
`vcpuid.rules.qemu` predicts, as are the maxima and the vendor.
"""

import csv
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vcpuid.guest.qemu import parse_cpu
from vcpuid.probe import probe
from vcpuid.rules.qemu import Prediction, Qemu, predict
from vcpuid.terms.address import Bits, CpuidRegister
from vcpuid.terms.dump import Cpu
from vcpuid.terms.guest import Accelerator
from vcpuid.terms.place import Place
from vcpuid.terms.verdict import State

DIFFERENCES = Path(__file__).resolve().parents[2] / "tests" / "peers" / "qemu_differences.csv"
FORMS = ("+{}", "-{}", "{}=on", "{}=off", "{}")
FEATURES_AT_MOST = 6
SOMETIMES = 0.2


@dataclass(frozen=True, slots=True)
class Case:
    """One guest: its -cpu and its machine type."""

    cpu: str
    machine: str

    def __str__(self) -> str:
        """Give the options as one writes them."""
        return f"-machine {self.machine} -cpu {self.cpu}"


def draw(qemu: Qemu, draws: int, seed: int) -> Iterator[Case]:
    """Every model as it is on the newest board, then `draws` times with random features on a random one."""
    chance = random.Random(seed)  # noqa: S311 - the same cases for the same seed
    names = sorted(name for name, feature in qemu.features.items() if not feature.kvm_only)
    names += sorted(alias for alias, name in qemu.aliases.items() if name in names)
    boards = sorted(name for name in qemu.machines if name.startswith("pc-"))
    for model in qemu.models:
        if model == "host":  # none under TCG
            continue
        yield Case(model, "pc")
        for _ in range(draws):
            chosen = chance.sample(names, chance.randint(1, FEATURES_AT_MOST))
            # A sign takes no underscore for a dash, where QEMU has not both spellings.
            options = [chance.choice(FORMS[2:4] if "_" in name else FORMS).format(name) for name in chosen]
            if chance.random() < SOMETIMES:
                options.append(f"{chance.choice(('level', 'min-level'))}={chance.choice((1, 4, 7, 0xD, 0x20))}")
            if chance.random() < SOMETIMES:
                options.append(f"vendor={chance.choice(('AuthenticAMD', 'GenuineIntel', 'HygonGenuine'))}")
            yield Case(",".join([model, *options]), chance.choice(boards))


def judge(binary: str, qemu: Qemu, case: Case) -> list[str]:
    """What a guest sees of a case that was not predicted, in words; empty where all is as predicted."""
    guest = probe(case.cpu, accelerator=Accelerator.TCG, machine=case.machine, qemu=binary).dump.cpus[0]
    argument = parse_cpu(case.cpu, Place("-cpu"))
    prediction = predict(argument, qemu, machine=case.machine, accelerator=Accelerator.TCG)
    return [*_judge_maxima(prediction, guest), *_judge_words(prediction, guest, differences(qemu.version))]


def _judge_maxima(prediction: Prediction, guest: Cpu) -> Iterator[str]:
    for base, maximum in prediction.maxima.items():
        # A range that QEMU does not give has no maximum; its first leaf reads as another's.
        if maximum and guest.maximum(base) != maximum:
            yield f"maximum of {base:x}: predicted {maximum:x}, is {guest.maximum(base)}"
    _, ebx, ecx, edx = guest.rows[0, 0]
    vendor = b"".join(part.to_bytes(4, "little") for part in (ebx, edx, ecx)).decode("latin-1").rstrip("\0")
    if vendor != prediction.vendor:
        yield f"vendor: predicted {prediction.vendor!r}, is {vendor!r}"


def _judge_words(prediction: Prediction, guest: Cpu, known: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for word, predicted in prediction.words.items():
        if not isinstance(word, CpuidRegister):
            continue
        seen = guest.read(word) or 0
        for number in range(word.width):
            bit = Bits(word, number, number)
            differs = (seen ^ predicted.value) & bit.mask & ~predicted.unknown
            if differs and not (bit.plain in known and _is_explained(prediction, bit, known)):
                is_there = "present" if seen & bit.mask else "absent"
                yield f"{bit}: predicted {prediction.has(bit).value}, is {is_there}"


def _is_explained(prediction: Prediction, bit: Bits, known: Mapping[str, Sequence[str]]) -> bool:
    """Whether what the table names as the condition of a difference holds: a feature that the guest lacks."""
    return all(prediction.fates[name].state is State.ABSENT for name in known[bit.plain])


@cache
def differences(version: str) -> Mapping[str, Sequence[str]]:
    """The bits that a guest sees otherwise than predicted, each with the features that must be absent for it."""
    lines = DIFFERENCES.read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return {row["bit"]: row["without"].split() for row in rows if version in row["versions"].split()}
