"""What hosts can give a guest, in the features of one map."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache
from typing import NamedTuple

from vcpuid.answers.party import Basis, Party
from vcpuid.atlas import Atlas
from vcpuid.layers.special import (
    always_given,
    follows_topology,
    is_emulated,
    is_guest_made,
    is_not_migratable,
    on_by_default,
    shows_in_64_bit_mode,
)
from vcpuid.rules.libvirt.decode import Blockers, best_model
from vcpuid.rules.libvirt.definition import encode
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.models import CpuData, Models
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.terms.feature import Dialect, Feature
from vcpuid.terms.guest import Accelerator, GuestCpu


class Offer(NamedTuple):
    """What one party has.

    Attributes:
        party: The host, or a guest for what it asks.
        data: Its features in the common map, with vendor and signature.
        model: The model that describes it best, by its own family and model; None where none does.
        unnamed: Features that it has and the common map has no name for.
        untold: The bits of features that it may have: its CPUID or MSRs were not read so far.
    """

    party: Party
    data: CpuData
    model: str | None
    unnamed: tuple[str, ...] = ()
    untold: int = 0

    @property
    def runnable(self) -> Blockers | None:
        """The named models that it can run, each with the features that it loses; None where it is silent."""
        capabilities = self.party.capabilities
        if capabilities is None or not capabilities.usable_models:
            return None
        blockers = ((name, capabilities.blockers_of(name)) for name in capabilities.models)
        return {name: lost for name, lost in blockers if lost is not None}


def common_map(parties: Iterable[Party]) -> CpuMap | None:
    """Give the map whose names every party's libvirt knows: the smallest of theirs; None where none has one."""
    maps = (party.cpu_map for party in parties if party.cpu_map is not None)
    return min(maps, key=lambda cpu_map: len(cpu_map.features), default=None)


@lru_cache(maxsize=16)
def _models_of(cpu_map: CpuMap) -> Models:
    return Models(cpu_map)


class OfferReader:
    """Reads parties into the features of one map: the given one, else the common one, else the shipped one."""

    def __init__(self, parties: Iterable[Party], cpu_map: CpuMap | None = None) -> None:
        self.models = _models_of(cpu_map or common_map(parties) or shipped_map())
        self._described: dict[CpuData, str | None] = {}

    def read(self, party: Party) -> Offer:
        """Give what a party has.

        Raises:
            InputError: No map that is at hand has the model or a feature of its description.
        """
        if party.cpu is not None:
            return self._of_definition(party, party.cpu)
        data, untold = self._of_registers(party), 0
        if party.basis is Basis.KVM:
            # Of what KVM lists a guest gets what QEMU has a name for; some features QEMU gives by itself.
            bits = (data.bits & self.named_by_qemu | self.synthetic) & ~self.not_migratable
            data = data._replace(bits=bits)
        elif party.basis is Basis.CPUID:
            bits = data.bits & ~self.beside_cpuid | self.synthetic
            if bits & self._long_mode:
                bits |= self._in_64_bit_mode
            data = data._replace(bits=bits)
            for one in party.cpus:
                untold |= self.models.untold(one)
        return Offer(party, data, self._model_of(data), untold=untold & ~data.bits)

    def _model_of(self, data: CpuData) -> str | None:
        if data not in self._described:
            self._described[data] = best_model(self.models, data)
        return self._described[data]

    def _of_registers(self, party: Party) -> CpuData:
        first, *others = (self.models.read(cpu) for cpu in party.cpus)
        bits = first.bits
        for other in others:
            bits &= other.bits  # the guest may run on any of them
        return first._replace(bits=bits)

    def _of_definition(self, party: Party, cpu: GuestCpu) -> Offer:
        own = self.models_for(party, cpu)
        if own is self.models:
            return Offer(party, encode(own, cpu), cpu.model)
        data = encode(own, cpu)
        names = list(own.names(data.bits))
        known = [name for name in names if name in self.models.features]
        unnamed = tuple(name for name in names if name not in self.models.features)
        data = data._replace(bits=self.models.bits_of(known))
        return Offer(party, data, self._model_of(data), unnamed)

    def models_for(self, party: Party, cpu: GuestCpu) -> Models:
        """Give a map that has all names of a definition: the common one, the party's own, or the shipped one.

        Where none has them the common one is given, which will complain.
        """
        if self._knows(self.models, cpu):
            return self.models
        for cpu_map in (party.cpu_map, shipped_map()):
            if cpu_map is None:
                continue
            if self._knows(_models_of(cpu_map), cpu):
                return _models_of(cpu_map)
        return self.models

    @staticmethod
    def _knows(models: Models, cpu: GuestCpu) -> bool:
        return cpu.model in models.models and all(request.name in models.features for request in cpu.requests)

    @cached_property
    def synthetic(self) -> int:
        """The bits that KVM or QEMU give a guest, whatever the CPU has."""
        return self._bits_where(
            lambda feature: always_given(feature, Accelerator.KVM) or on_by_default(feature, Accelerator.KVM)
        )

    @cached_property
    def emulated(self) -> int:
        """The bits that some KVMs list although CPUID lacks them."""
        return self._bits_where(is_emulated)

    @cached_property
    def beside_cpuid(self) -> int:
        """The bits that show a guest's number of CPUs or are switched by its own kernel: no host gives them."""
        return self._bits_where(lambda feature: follows_topology(feature) or is_guest_made(feature))

    @cached_property
    def named_by_qemu(self) -> int:
        """The bits that QEMU has a name for."""
        return self._bits_where(lambda feature: feature.name_in(Dialect.QEMU) is not None)

    @cached_property
    def _long_mode(self) -> int:
        return self._bits_where(lambda feature: feature.name == "lm")

    @cached_property
    def _in_64_bit_mode(self) -> int:
        return self._bits_where(shows_in_64_bit_mode)

    @cached_property
    def not_migratable(self) -> int:
        """The bits with which a guest cannot migrate, by QEMU's word: so does libvirt, whose map adds xsaves."""
        return self._bits_where(is_not_migratable)

    def _bits_where(self, test: Callable[[Feature], bool]) -> int:
        atlas = Atlas.load()
        names = (
            name
            for name, written in self.models.cpu_map.features.items()
            if any(test(feature) for bit in written.bits for feature in atlas.at(bit))
        )
        return self.models.bits_of(names)
