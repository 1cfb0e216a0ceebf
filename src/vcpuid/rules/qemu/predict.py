"""Which CPU a guest will see: what is asked for, met with what can be given.

Measured on the versions whose tables ship with us; see docs/reference/qemu.md. Nothing is guessed: what the tables
or the given supply cannot decide is UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vcpuid.guest.qemu import CpuArgument
from vcpuid.rules.qemu.definition import Asker, Definition, define
from vcpuid.rules.qemu.knowledge import Qemu, QemuFeature
from vcpuid.rules.qemu.prediction import LEAF_7, Fate, Prediction, Reason, WordValue, is_beyond
from vcpuid.rules.qemu.supply import COMPONENT_WORDS, Supply
from vcpuid.terms.address import Bits, CpuidRegister, Word
from vcpuid.terms.dump import Cpu, base_of
from vcpuid.terms.guest import Accelerator
from vcpuid.terms.verdict import State

_XSAVE = "xsave"
_BASIC, _EXTENDED, _CENTAUR = 0, 0x80000000, 0xC0000000
_MAXIMA = {_BASIC: "level", _EXTENDED: "xlevel", _CENTAUR: "xlevel2"}
_FUNC7 = "level-func7"
_XSAVE_LEAF = 0xD
_PROCESSOR_TRACE_LEAF = 0x14


def predict(
    argument: CpuArgument | None,
    qemu: Qemu,
    *,
    machine: str | None = None,
    accelerator: Accelerator = Accelerator.KVM,
    host: Cpu | None = None,
) -> Prediction:
    """Predict the CPU of a guest that has one virtual CPU.

    Args:
        argument: The -cpu option; None where there is none.
        qemu: The knowledge by which to judge.
        machine: The machine type; None for QEMU's own choice.
        accelerator: Who runs the guest.
        host: What KVM can give, CPUID and feature MSRs; not used under TCG, which needs no host.

    Raises:
        InputError: This QEMU has no such model, property or machine type, and would not start.
    """
    definition = define(argument, qemu, qemu.machine(machine), accelerator)
    supply = Supply(qemu, accelerator, host)
    return _Expansion(definition, qemu, accelerator, supply).predict()


class _Expansion:
    """One prediction in the making, in QEMU's own order: needs, maxima, what can be given, mirrors."""

    def __init__(self, definition: Definition, qemu: Qemu, accelerator: Accelerator, supply: Supply) -> None:
        self._definition = definition
        self._qemu = qemu
        self._accelerator = accelerator
        self._supply = supply
        self._asked = dict(definition.on)
        self._undecided: set[str] = set()
        self._fates: dict[str, Fate] = {}
        self._is_forced = self._switch("x-force-features")
        self._of_host = definition.model.is_host and accelerator is Accelerator.KVM
        self._takes_all = self._of_host and definition.setting("migratable", qemu) == "off"

    def predict(self) -> Prediction:
        if self._of_host:
            self._take_host()
        self._drop_unmet()
        maxima, func7 = self._raise_maxima(), self._highest_func7()
        vendor = self._vendor()
        words: dict[Word, WordValue] = dict.fromkeys(self._all_words(), WordValue(0))
        self._give_features(words)
        self._give_components(words)
        if self._takes_all:
            self._give_unnamed(words)
        self._empty_xsave_leaf(words)
        self._mirror(words, vendor)
        beyond = {word: is_beyond(word, maxima, func7) for word in words}
        for word, is_out in beyond.items():
            if is_out:
                del words[word]
            elif is_out is None:
                words[word] = WordValue(0, words[word].value | words[word].unknown)
        self._gate(beyond)
        return Prediction(
            rules=self._qemu.label,
            vendor=vendor,
            maxima=maxima,
            func7=func7,
            fates=self._fates,
            words=words,
            starts=self._starts(),
        )

    def _switch(self, name: str) -> bool:
        return self._definition.is_on(name, self._qemu)

    def _all_words(self) -> Iterator[Word]:
        for feature in self._qemu.features.values():
            yield from (bits.word for bits in feature.bits)
        yield from COMPONENT_WORDS

    def _take_host(self) -> None:
        """Fill in what `host` and `max` are under KVM: all that is given, unless the definition decides."""
        decided = {
            name: asker
            for chosen in (self._definition.on, self._definition.off)
            for name, asker in chosen.items()
            if asker is Asker.DEFINITION
        }
        self._asked = {name: asker for name, asker in self._definition.on.items() if name in decided}
        migratable = not self._takes_all
        for feature in self._qemu.features.values():
            if feature.name in decided or not feature.in_max:
                continue
            given = self._supply.of_host(feature, migratable=migratable)
            if given is None:
                self._undecided.add(feature.name)
            elif given:
                self._asked[feature.name] = Asker.MODEL

    def _drop_unmet(self) -> None:
        """Drop what needs something that is off, and what cannot stand beside something that is on."""
        names = self._qemu.features
        if not self._switch("kvm"):
            for name in [name for name in self._asked if names[name].kvm_only]:
                self._drop(name, Reason.DEPENDENCY, ("kvm",))
        while True:
            unmet = {
                name: tuple(need for need in names[name].needs if not self._is_met(need)) for name in self._asked
            }
            dropped = [name for name, needs in unmet.items() if needs]
            for name in dropped:
                self._drop(name, Reason.DEPENDENCY, unmet[name])
            if not dropped:
                break
        rivals = {
            name: tuple(rival for rival in names[name].conflicts if rival in self._asked) for name in self._asked
        }
        for name, against in rivals.items():
            if against:
                self._drop(name, Reason.CONFLICT, against)
        if any(rivals.values()):
            self._drop_unmet()
        if self._qemu.properties.get("x-intel-pt-auto-level") and not self._switch("x-intel-pt-auto-level"):
            self._drop_trace()

    def _is_met(self, need: str) -> bool:
        if need in self._qemu.features:
            return need in self._asked or need in self._undecided
        return self._switch(need)

    def _drop(self, name: str, reason: Reason, others: tuple[str, ...] = ()) -> None:
        asker = self._asked.pop(name)
        self._fates[name] = Fate(State.ABSENT, reason, asker, others)

    def _drop_trace(self) -> None:
        """Old machine types do not raise the maximum for Processor Trace; below its leaf it is dropped."""
        if (
            "intel-pt" in self._asked
            and int(self._definition.setting("level", self._qemu)) < _PROCESSOR_TRACE_LEAF
        ):
            self._drop("intel-pt", Reason.LEVEL)
            self._drop_unmet()

    def _raise_maxima(self) -> dict[int, int | None]:
        """Give each range's last leaf: the model's own, raised by features, unless the definition names it."""
        features = [self._qemu.features[name] for name in self._asked]
        is_full = self._raises()
        leaves = [leaf for feature in features for leaf in (feature.raises if is_full else feature.raises_anyway)]
        trace = self._fates.get("intel-pt")
        if trace is not None and trace.reason is Reason.LEVEL:
            leaves.append(LEAF_7)  # QEMU drops it after its own leaf was counted
        maxima: dict[int, int | None] = {}
        for base, name in _MAXIMA.items():
            own = self._number(name)
            if name not in self._definition.named:
                own = self._supply.maximum(base) if self._of_host else own or 0
                raised = (leaf for leaf in leaves if base_of(leaf) == base)
                own = None if own is None else max(own, *raised, own)
            maxima[base] = own
        return maxima

    def _highest_func7(self) -> int | None:
        """Give the highest subleaf of leaf 7 in the same way."""
        own = self._number(_FUNC7)
        if _FUNC7 in self._definition.named or not self._raises():
            return own or 0
        features = self._qemu.features
        highest = max([own or 0, *(features[name].raises_func7 for name in self._asked)])
        if self._takes_all:
            sevens = (
                word for word in self._all_words() if isinstance(word, CpuidRegister) and word.leaf == LEAF_7
            )
            highest = max([highest, *(word.subleaf for word in sevens if self._supply.read(word))])
        is_open = any(features[name].raises_func7 > highest for name in self._undecided)
        return None if is_open else highest

    def _raises(self) -> bool:
        name = "full-cpuid-auto-level"
        return name not in self._qemu.properties or self._switch(name)

    def _number(self, name: str) -> int | None:
        value = self._definition.settings.get(name)
        return None if value is None else int(value, 0)  # `define` has refused what is none

    def _vendor(self) -> str | None:
        if "vendor" in self._definition.named or self._accelerator is Accelerator.TCG:
            return self._definition.settings.get("vendor", "")
        # Whether a static model has the host's differs by version, and no table says by which.
        return None if self._definition.model.is_static else self._supply.vendor

    def _give_features(self, words: dict[Word, WordValue]) -> None:
        for feature in self._qemu.features.values():
            fate = self._fates.get(feature.name) or self._decide(feature)
            self._fates[feature.name] = fate
            for bits in feature.bits:
                word = words[bits.word]
                if fate.state is State.PRESENT:
                    words[bits.word] = WordValue(word.value | bits.mask, word.unknown & ~bits.mask)
                elif fate.state is State.UNKNOWN and not word.value & bits.mask:
                    words[bits.word] = WordValue(word.value, word.unknown | bits.mask)

    def _decide(self, feature: QemuFeature) -> Fate:
        name = feature.name
        if name in self._undecided:
            return Fate(State.UNKNOWN, Reason.UNDECIDED)
        asker = self._asked.get(name)
        if asker is None:
            off = self._definition.off.get(name)
            return Fate(State.ABSENT, Reason.TURNED_OFF if off else Reason.NOT_ASKED, off)
        waiting = [need for need in feature.needs if need in self._undecided]
        given = True if self._is_forced else self._supply.gives(feature)
        if given is False:
            return Fate(State.ABSENT, Reason.SUPPLY, asker)
        if given is None or waiting:
            return Fate(State.UNKNOWN, Reason.UNDECIDED, asker, tuple(waiting))
        return Fate(State.PRESENT, Reason.GIVEN, asker)

    def _give_components(self, words: dict[Word, WordValue]) -> None:
        """Show the XSAVE components of what is asked for, as far as they can be given."""
        if _XSAVE not in self._asked and _XSAVE not in self._undecided:
            return
        for bits in self._supply.components():
            brings = self._qemu.components.get(bits)
            asked = any(name in self._asked for name in brings or ())
            undecided = brings is None or any(name in self._undecided for name in brings)
            given = True if self._is_forced and asked else self._supply.gives_component(bits)
            word = words.setdefault(bits.word, WordValue(0))
            if asked and given and _XSAVE in self._asked:
                words[bits.word] = WordValue(word.value | bits.mask, word.unknown & ~bits.mask)
            elif (asked or undecided) and given is not False:
                words[bits.word] = WordValue(word.value, word.unknown | bits.mask)

    def _give_unnamed(self, words: dict[Word, WordValue]) -> None:
        """A CPU that need not migrate has what this QEMU has no name for, and AMD's repeated bits."""
        named: dict[Word, int] = {}
        for bits in (
            *(bits for feature in self._qemu.features.values() for bits in feature.bits),
            *self._mirrored(),
        ):
            named[bits.word] = named.get(bits.word, 0) | bits.mask
        for word, mask in named.items():
            more, value = self._supply.read(word), words[word]
            if isinstance(word, CpuidRegister):
                unnamed = ~mask & 0xFFFFFFFF
                unknown = value.unknown | (unnamed if more is None else 0)
                words[word] = WordValue(value.value | (more or 0) & unnamed, unknown)
        for pairs in self._qemu.mirrors.values():
            self._repeat(words, pairs, is_sure=True)

    def _mirrored(self) -> Iterator[Bits]:
        for pairs in self._qemu.mirrors.values():
            yield from pairs

    def _empty_xsave_leaf(self, words: dict[Word, WordValue]) -> None:
        """Without xsave a guest sees nothing in leaf 0xD, whatever QEMU says of it."""
        xsave = self._fates[_XSAVE].state
        if xsave is State.PRESENT:
            return
        for word, value in list(words.items()):
            if isinstance(word, CpuidRegister) and word.leaf == _XSAVE_LEAF:
                seen = value.value | value.unknown if xsave is State.UNKNOWN else 0
                words[word] = WordValue(0, seen)
        for name, fate in self._fates.items():
            leaves = {getattr(bits.word, "leaf", None) for bits in self._qemu.features[name].bits}
            if leaves == {_XSAVE_LEAF} and fate.state is not State.ABSENT:
                reason = Reason.DEPENDENCY if xsave is State.ABSENT else Reason.UNDECIDED
                self._fates[name] = Fate(xsave, reason, fate.asker, (_XSAVE,))

    def _mirror(self, words: dict[Word, WordValue], vendor: str | None) -> None:
        """Repeat the bits that a vendor's CPUs show twice."""
        for mirroring, pairs in self._qemu.mirrors.items():
            if vendor in (mirroring, None):
                self._repeat(words, pairs, is_sure=vendor is not None)

    @staticmethod
    def _repeat(words: dict[Word, WordValue], pairs: Mapping[Bits, Bits], *, is_sure: bool) -> None:
        for bits, repeated in pairs.items():
            word, original = words[bits.word], words[repeated.word]
            value, unknown = word.value & ~bits.mask, word.unknown & ~bits.mask
            is_set = original.value & repeated.mask
            if original.unknown & repeated.mask or (is_set and not is_sure):
                unknown |= bits.mask
            elif is_set:
                value |= bits.mask
            words[bits.word] = WordValue(value, unknown)

    def _gate(self, beyond: Mapping[Word, bool | None]) -> None:
        """A feature in a leaf that does not exist is none."""
        for name, fate in self._fates.items():
            states = [beyond.get(bits.word, False) for bits in self._qemu.features[name].bits]
            if fate.state is State.PRESENT and True in states:
                self._fates[name] = Fate(State.ABSENT, Reason.LEVEL, fate.asker)
            elif fate.state is State.PRESENT and None in states:
                self._fates[name] = Fate(State.UNKNOWN, Reason.UNDECIDED, fate.asker)

    def _starts(self) -> bool | None:
        if not self._switch("enforce"):
            return True
        refused = {fate.reason for fate in self._fates.values() if fate.asker is not None}
        if Reason.SUPPLY in refused:
            return False
        return None if Reason.UNDECIDED in refused else True
