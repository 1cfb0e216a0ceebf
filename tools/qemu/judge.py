"""Predictions judged by a real QEMU under TCG: every model, with features drawn at random.

What QEMU says of a started, stopped CPU (`feature-words` and the maxima) is compared with what `vcpuid.rules.qemu`
predicts. Under TCG these are the guest's own words, as far as the maxima reach, but for what `DIFFERENCES` lists.
"""

import csv
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tools.qemu.binary import Binary
from tools.qemu.features import BOARD, CPU, bits_of_words

from vcpuid.guest.qemu import parse_cpu
from vcpuid.rules.qemu import Prediction, Qemu, predict
from vcpuid.terms.address import Bits, CpuidRegister, Register, parse_bit
from vcpuid.terms.dump import base_of
from vcpuid.terms.guest import Accelerator
from vcpuid.terms.place import Place
from vcpuid.terms.verdict import State

DIFFERENCES = Path(__file__).resolve().parents[2] / "tests" / "peers" / "qemu_differences.csv"
ASKED = ("level", "xlevel", "xlevel2", "level-func7", "vendor")
RANGES = {"level": 0, "xlevel": 0x80000000, "xlevel2": 0xC0000000}
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
                options.append(f"level={chance.choice((1, 4, 7, 0xD, 0x20))}")
            if chance.random() < SOMETIMES:
                options.append(f"vendor={chance.choice(('AuthenticAMD', 'GenuineIntel', 'HygonGenuine'))}")
            yield Case(",".join([model, *options]), chance.choice(boards))


def judge(binary: Binary, qemu: Qemu, case: Case) -> list[str]:
    """What a real QEMU makes different of a case, in words; empty where all is as predicted."""
    queries = [("qom-get", {"path": CPU, "property": name}) for name in ("feature-words", *ASKED)]
    arguments = ("-machine", case.machine, *BOARD[2:], "-accel", "tcg", "-cpu", case.cpu)
    words, *values = binary.ask(arguments, queries).values()
    argument = parse_cpu(case.cpu, Place("-cpu"))
    prediction = predict(argument, qemu, machine=case.machine, accelerator=Accelerator.TCG)
    said = dict(zip(ASKED, values, strict=True))
    expected: dict[str, object] = {name: prediction.maxima[base] for name, base in RANGES.items()}
    expected |= {"level-func7": prediction.func7, "vendor": prediction.vendor}
    faults = [
        f"{name}: predicted {expected[name]!r}, is {said[name]!r}"
        for name in ASKED
        if expected[name] != said[name]
    ]
    seen = {parse_bit(bit) for bit in bits_of_words(words)}
    for word in words:
        register = CpuidRegister(
            word["cpuid-input-eax"], word.get("cpuid-input-ecx", 0), Register(word["cpuid-register"].lower())
        )
        if _is_in_range(register, said):
            bits = (Bits(register, bit, bit) for bit in range(register.width))
            faults.extend(_compare(prediction, bits, seen, qemu))
    return faults


def _is_in_range(word: CpuidRegister, said: Mapping[str, object]) -> bool:
    """Whether a guest can see a word; QEMU tells all, and beyond the maxima a guest reads another leaf's."""
    maximum = next((said[name] for name, base in RANGES.items() if base == base_of(word.leaf)), None)
    if not isinstance(maximum, int):
        return False
    func7 = said["level-func7"]
    return word.leaf <= maximum and not (word.leaf == 7 and isinstance(func7, int) and word.subleaf > func7)  # noqa: PLR2004


def _compare(prediction: Prediction, bits: Iterator[Bits], seen: set[Bits], qemu: Qemu) -> Iterator[str]:
    known = differences(qemu.version)
    for bit in bits:
        has = prediction.has(bit)
        if bit.word not in prediction.words:
            has = State.ABSENT
        if (has is State.PRESENT) != (bit in seen) and not (
            bit.plain in known and _is_explained(prediction, bit, known)
        ):
            yield f"{bit}: predicted {has.value}, is {'present' if bit in seen else 'absent'}"


def _is_explained(prediction: Prediction, bit: Bits, known: Mapping[str, Sequence[str]]) -> bool:
    """Whether what the table names as the condition of a difference holds: a feature that the guest lacks."""
    return all(prediction.fates[name].state is State.ABSENT for name in known[bit.plain])


@cache
def differences(version: str) -> Mapping[str, Sequence[str]]:
    """The bits of which QEMU says what a guest does not see, each with the features that must be absent for it."""
    lines = DIFFERENCES.read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return {row["bit"]: row["without"].split() for row in rows if version in row["versions"].split()}
