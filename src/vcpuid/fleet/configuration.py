"""A configuration: what equal hosts have in common, by evidence layer, under one fingerprint."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from hashlib import blake2b

from vcpuid.answers.offer import Offer, OfferReader
from vcpuid.answers.party import Basis, Party
from vcpuid.errors import InputError
from vcpuid.evidence.gap import Gap
from vcpuid.evidence.libvirt import DomainCapabilities, NamedModel
from vcpuid.fleet.words import Words, cpu_of, listed_words, words_of
from vcpuid.guest.libvirt import parse_cpu, parse_xml, render_cpu
from vcpuid.rules.libvirt.models import Models
from vcpuid.terms.address import Bits, Word
from vcpuid.terms.dump import Cpu
from vcpuid.terms.guest import Accelerator

_FINGERPRINT_BYTES = 8
_STORE = "fleet store"


class EvidenceLayer(Enum):
    """Who speaks of a host's CPU, from what binds to what only bounds."""

    HOST_MODEL = "host-model"
    KVM = "kvm"
    CPUID = "cpuid"

    @property
    def basis(self) -> Basis:
        """What features rest on that this layer tells."""
        return Basis[self.name]


@dataclass(frozen=True)
class Configuration:
    """What a host's CPU is known by.

    Attributes:
        layers: The words that each layer told; libvirt's host-model tells those of the shipped map.
        vendor: The vendor by libvirt's name; empty where none is known.
        model: libvirt's model that describes the host-model best; empty where there is none.
        definition: The host-model as libvirt's <cpu> element; empty where there is none.
        named_models: The named models of domain capabilities, as JSON: whether each is usable, and its blockers.
        unnamed: Features of the host-model that the shipped map has no name for.
    """

    layers: Mapping[EvidenceLayer, Words]
    vendor: str = ""
    model: str = ""
    definition: str = ""
    named_models: str = ""
    unnamed: tuple[str, ...] = ()

    @cached_property
    def fingerprint(self) -> int:
        """A number that equal configurations share, signed, of 64 bits."""
        digest = blake2b(digest_size=_FINGERPRINT_BYTES)
        parts = [self.vendor, self.model, self.definition, self.named_models, *self.unnamed]
        for layer in EvidenceLayer:
            words = self.layers.get(layer)
            if words is not None:
                parts.append(layer.value)
                parts += (f"{word.plain}={words[word]:x}" for word in sorted(words, key=_order))
        digest.update("\n".join(parts).encode(errors="surrogatepass"))
        return int.from_bytes(digest.digest(), "little", signed=True)

    @cached_property
    def best(self) -> EvidenceLayer:
        """The layer that is nearest to what a guest gets."""
        return next(layer for layer in EvidenceLayer if layer in self.layers)

    def tells(self, bits: Iterable[Bits], layers: Iterable[EvidenceLayer]) -> bool | None:
        """Tell whether all of these bits are there, by the first layer that knows; None where none does."""
        for layer in layers:
            words = self.layers.get(layer)
            if words is None:
                continue
            values = [(words.get(one.word), one.mask) for one in bits]
            if any(value is not None and value & mask != mask for value, mask in values):
                return False
            if all(value is not None for value, _ in values):
                return True
        return None

    def party(self, name: str) -> Party:
        """Give a host of this configuration, as comparisons and baselines know it."""
        best = cpu_of(self.layers[self.best])
        listed = best if self.best is EvidenceLayer.KVM else self._listed
        cpu = parse_cpu(parse_xml(self.definition, _STORE), _STORE) if self.definition else None
        capabilities = None
        if self.named_models:
            models = {
                name: NamedModel(usable, tuple(lost)) for name, usable, lost in json.loads(self.named_models)
            }
            capabilities = DomainCapabilities(
                Accelerator.KVM, None, cpu, host_passthrough=False, models=models, sgx=None
            )
        return Party(
            name,
            self.best.basis,
            cpu=cpu,
            cpus=(best,),
            capabilities=capabilities,
            kvm=listed,
        )

    @property
    def _listed(self) -> Cpu | None:
        """What KVM lists, where that is known."""
        kvm = self.layers.get(EvidenceLayer.KVM)
        return None if kvm is None else cpu_of(kvm)

    def offer(self, reader: OfferReader, name: str) -> Offer:
        """Give what a host of this configuration can give."""
        party = self.party(name)
        if self.best is not EvidenceLayer.HOST_MODEL:
            return reader.read(party)
        data = reader.models.read(party.cpus[0])._replace(vendor=self.vendor or None, signature=0)
        return Offer(party, data, self.model or None, self.unnamed)


def configuration_of(party: Party, reader: OfferReader) -> Configuration:
    """Read a host's configuration.

    Raises:
        InputError: Its description has a model or feature that no map at hand has, or it tells no registers.
    """
    layers: dict[EvidenceLayer, Words] = {}
    vendor = model = definition = models = ""
    unnamed: tuple[str, ...] = ()
    if party.capabilities is not None:
        named = sorted(party.capabilities.models.items())
        models = json.dumps([(name, one.usable, sorted(one.blockers)) for name, one in named])
    if party.basis is Basis.HOST_MODEL and party.cpu is not None:
        definition = render_cpu(party.cpu)
        offer = reader.read(party)
        layers[EvidenceLayer.HOST_MODEL] = _words_of_bits(reader.models, offer.data.bits)
        vendor, model, unnamed = offer.data.vendor or "", offer.model or "", offer.unnamed
    if party.kvm is not None:
        layers[EvidenceLayer.KVM] = listed_words(party.kvm)
    cpus = party.cpus if party.basis is Basis.CPUID else ()
    if party.evidence is not None and not isinstance(party.evidence.cpuid, Gap):
        cpus = party.evidence.cpuid.dump.cpus
    if cpus:
        layers[EvidenceLayer.CPUID] = words_of(cpus)
    if not layers:
        raise InputError(
            "this tells nothing that a fleet can be asked for",
            source=party.name,
            expected="a snapshot, a dump, or domain capabilities",
        )
    if not vendor and cpus:
        vendor = reader.models.read(cpus[0]).vendor or ""
    return Configuration(layers, vendor, model, definition, models, unnamed)


def _words_of_bits(models: Models, bits: int) -> Words:
    """Give the words of the map's features; a word of the map without any of them is 0."""
    words: dict[Word, int] = {}
    present = set(models.names(bits))
    for name, feature in models.cpu_map.features.items():
        for word, mask in feature.masks:
            words[word] = words.get(word, 0) | (mask if name in present else 0)
    return words


def _order(word: Word) -> tuple[int, ...]:
    return word.order
