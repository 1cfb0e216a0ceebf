"""nova.conf's options of guests' CPUs, and the CPU that Nova asks libvirt for where no flavor has a say.

Rules read in Nova 34's source (nova/virt/libvirt/driver.py, Apache-2.0) and seen by running it: flags are
lower-cased, `-flag` disables, `flag` and `+flag` require; with cpu_mode none the flags are dropped; of a flag
and its opposite one wins by chance, since Nova keeps them in a set.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vcpuid.guest.nova.ini import NovaEntry, NovaFile
from vcpuid.guest.nova.settings import Item, Settings, UnseenValueError, ValueRefusedError
from vcpuid.terms.guest import Accelerator, CpuMode, FeatureRequest, GuestCpu, Policy
from vcpuid.terms.place import Place

MODES = {
    "host-model": CpuMode.HOST_MODEL,
    "host-passthrough": CpuMode.HOST_PASSTHROUGH,
    "custom": CpuMode.CUSTOM,
    "none": CpuMode.DEFAULT,
}
_QEMU_TYPES = ("kvm", "qemu")


@dataclass(frozen=True, slots=True)
class NovaConfig:
    """The options that decide about guests' CPUs.

    Attributes:
        virt_type: The hypervisor.
        mode: cpu_mode; None where it is not set.
        models: cpu_models in their order.
        flags: cpu_model_extra_flags as written, in their order.
        skips_start: Whether Nova compares nothing when it starts; it reads that only where it would compare.
        skips_migration: Whether it compares nothing before a live migration to here; None for a value at which it
            fails then.
        place: Where the first of them stands.
        mode_place: Where cpu_mode stands, or `place`.
    """

    virt_type: str
    mode: str | None
    models: tuple[Item, ...]
    flags: tuple[Item, ...]
    skips_start: bool
    skips_migration: bool | None
    place: Place
    mode_place: Place

    @property
    def accelerator(self) -> Accelerator | None:
        """Who runs the guests; None for what is neither KVM nor QEMU."""
        return {"kvm": Accelerator.KVM, "qemu": Accelerator.TCG}.get(self.virt_type)

    @property
    def effective_mode(self) -> CpuMode | None:
        """What an x86 guest's CPU begins with; None where it is given no <cpu> at all."""
        if self.virt_type not in _QEMU_TYPES:
            return None if self.mode in (None, "none") else MODES[self.mode or ""]
        return CpuMode.HOST_MODEL if self.mode is None else MODES[self.mode]

    @property
    def requests(self) -> tuple[FeatureRequest, ...]:
        """What the flags ask for, one a name, sorted by name as Nova writes them; of opposites the last."""
        asked = {request.name: request for request in read_flags(self.flags)}
        return tuple(asked[name] for name in sorted(asked))

    @property
    def random(self) -> tuple[str, ...]:
        """The names that stand in the flags with both signs: which of them counts differs from run to run."""
        policies: dict[str, set[Policy]] = {}
        for request in read_flags(self.flags):
            policies.setdefault(request.name, set()).add(request.policy)
        return tuple(sorted(name for name, both in policies.items() if len(both) > 1))

    @property
    def contradiction(self) -> str | None:
        """What nova-compute says of the options together when it starts, and ends; None where it goes on."""
        if self.virt_type not in _QEMU_TYPES and self.mode not in (None, "none"):
            return (
                f"Config requested an explicit CPU model, but the current libvirt hypervisor '{self.virt_type}' "
                "does not support selecting CPU models"
            )
        if self.mode != "custom":
            return "The cpu_models option is not required when cpu_mode!=custom" if self.models else None
        return None if self.models else "The cpu_models option is required when cpu_mode=custom"


@dataclass(frozen=True, slots=True)
class NovaCpu:
    """What the configuration says of guests' CPUs.

    Attributes:
        config: The options; None where Nova, or we, cannot read them.
        cpu: What Nova asks libvirt for; its requests are those that take effect.
        dropped: Flags that are written but never reach libvirt.
        refusal: Why nova-compute would not start with it; None where it would.
        unseen: What its options rest on that is not in the evidence; None where nothing is missing.
        flavor: The flavor whose guest this is, by Nova's rules; None where only the configuration speaks.
    """

    config: NovaConfig | None
    cpu: GuestCpu
    dropped: tuple[FeatureRequest, ...] = ()
    refusal: str | None = None
    unseen: str | None = None
    flavor: str | None = None

    @property
    def accelerator(self) -> Accelerator | None:
        """Who runs the guests; None where that is not known, or neither KVM nor QEMU."""
        return self.config.accelerator if self.config else None


def read_config(settings: Settings, place: Place) -> NovaConfig:
    """Read the options.

    Raises:
        ValueRefusedError: Nova fails at a value.
        UnseenValueError: A value rests on what is not in the evidence.
    """
    names = ("cpu_mode", "cpu_models", "cpu_model_extra_flags", "virt_type")
    entries = [settings.entry("libvirt", name) for name in names]
    stands = next((entry.place for entry in entries if entry), place)
    virt_type = settings.text("libvirt", "virt_type") or "kvm"  # what Nova reads first
    mode = settings.text("libvirt", "cpu_mode")
    models = settings.items("libvirt", "cpu_models")
    looks = mode == "custom" and virt_type in _QEMU_TYPES and bool(models)
    return NovaConfig(
        virt_type=virt_type,
        mode=mode,
        models=models,
        flags=settings.items("libvirt", "cpu_model_extra_flags"),
        skips_start=looks and settings.flag("workarounds", "skip_cpu_compare_at_startup"),
        skips_migration=_skips_migration(settings),
        place=stands,
        mode_place=entries[0].place if entries[0] else stands,
    )


def _skips_migration(settings: Settings) -> bool | None:
    try:
        return settings.flag("workarounds", "skip_cpu_compare_on_dest")
    except (ValueRefusedError, UnseenValueError):
        return None


def parse_nova(entries: Sequence[NovaEntry], place: Place, *, is_whole: bool = False) -> NovaCpu:
    """Read the entries of one or several files, in Nova's own order.

    Args:
        entries: The entries.
        place: Where the configuration stands.
        is_whole: Whether they are all that the files hold.
    """
    try:
        config = read_config(Settings(entries, is_whole=is_whole), place)
    except ValueRefusedError as error:
        unread = GuestCpu(CpuMode.DEFAULT, None, (), error.place)
        return NovaCpu(None, unread, refusal=_sentence(error))
    except UnseenValueError as error:
        unread = GuestCpu(CpuMode.DEFAULT, None, (), Place(error.source or place.source, error.line))
        return NovaCpu(None, unread, unseen=error.message)
    mode = config.effective_mode or CpuMode.DEFAULT
    # cpu_mode none writes a bare <cpu>: the flags that stand there reach nobody.
    reaches = mode is not CpuMode.DEFAULT
    model = config.models[0].text if mode is CpuMode.CUSTOM and config.models else None
    return NovaCpu(
        config=config,
        cpu=GuestCpu(mode, model, config.requests if reaches else (), config.mode_place),
        dropped=() if reaches else config.requests,
        refusal=config.contradiction,
    )


def parse_nova_files(files: Sequence[NovaFile]) -> NovaCpu:
    """Read whole files, at least one, in the order in which nova-compute reads them."""
    place = Place(files[0].source)
    fault = next((file.fault for file in files if file.fault is not None), None)
    if fault is not None:
        where = Place(fault.source or place.source, fault.line)
        return NovaCpu(None, GuestCpu(CpuMode.DEFAULT, None, (), where), refusal=f"{where}: {fault.message}")
    return parse_nova([entry for file in files for entry in file.entries], place, is_whole=True)


def _sentence(error: ValueRefusedError) -> str:
    return f"{error.message} ({error.found}): {error.words}"


def read_flags(flags: Iterable[Item]) -> Iterable[FeatureRequest]:
    """Read cpu_model_extra_flags as Nova does."""
    for item in flags:
        flag = item.text.lower()
        if flag.startswith("-"):
            yield FeatureRequest(flag.lstrip("-"), Policy.DISABLE, item.place)
        else:
            yield FeatureRequest(flag.lstrip("+"), Policy.REQUIRE, item.place)
