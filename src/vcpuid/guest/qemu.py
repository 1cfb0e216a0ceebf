"""QEMU's command line: the -cpu options and what stands around them.

The rules of precedence were measured on QEMU 7.2 by starting it: `-f` beats `+f`, both beat `f=on`, whatever
their order; of several `=` forms the last wins; of several -cpu options the last replaces the others whole; of
several -accel options, and in accel=kvm:tcg, the first that works wins.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from vcpuid.atlas import Atlas
from vcpuid.errors import UsageError
from vcpuid.terms.feature import Dialect
from vcpuid.terms.guest import Accelerator, CpuMode, FeatureRequest, GuestCpu, Policy
from vcpuid.terms.place import Place

_ON = frozenset(("on", "yes", "true", "y"))
_OFF = frozenset(("off", "no", "false", "n"))
_HOST_LIKE = {"host": CpuMode.HOST_PASSTHROUGH, "max": CpuMode.MAXIMUM}
_ACCELERATORS = {accelerator.value: accelerator for accelerator in Accelerator}


@dataclass(frozen=True, slots=True)
class CpuArgument:
    """One -cpu option: its text as it was given, the CPU that it asks for, and values that are no on or off."""

    text: str
    cpu: GuestCpu
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What a QEMU command line says of the guest's CPU.

    Attributes:
        cpus: Every -cpu option, in order; QEMU uses the last and forgets the others.
        accelerator: Who runs the guest; None for one that we do not know (hvf, xen).
        machine: The machine type, or None for QEMU's default.
        confidential: The type of a launch security object (`sev-snp-guest`, `tdx-guest`), or None.
        place: Where the command line stands.
    """

    cpus: tuple[CpuArgument, ...]
    accelerator: Accelerator | None
    machine: str | None
    confidential: str | None
    place: Place

    @property
    def effective(self) -> CpuArgument | None:
        """The -cpu option that counts; None where QEMU takes its default model."""
        return self.cpus[-1] if self.cpus else None

    @property
    def replaced(self) -> tuple[CpuArgument, ...]:
        """The -cpu options without any effect."""
        return self.cpus[:-1]


def split_options(text: str) -> list[str]:
    """Split QEMU's comma-separated options; a doubled comma stands for one in a value."""
    return [part.replace("\0", ",") for part in text.replace(",,", "\0").split(",")]


def parse_cpu(text: str, place: Place) -> CpuArgument:
    """Read the value of a -cpu option.

    The requests are ordered so that of two for one feature the later is the one that QEMU follows.
    """
    model, *options = text.split(",")  # unlike other options, -cpu has no doubled comma
    assigned: list[FeatureRequest] = []
    added: list[FeatureRequest] = []
    removed: list[FeatureRequest] = []
    settings: dict[str, str] = {}
    for option in options:
        if option.startswith("+"):
            added.append(FeatureRequest(option[1:], Policy.REQUIRE, place))
        elif option.startswith("-"):
            removed.append(FeatureRequest(option[1:], Policy.DISABLE, place))
        else:
            name, separator, value = option.partition("=")
            policy = _policy_of(value) if separator else Policy.REQUIRE
            if policy is None and name:
                settings[name] = value
            elif policy is not None and name:
                # Only these forms turn an underscore into a dash: spec_ctrl=on works, +spec_ctrl fails.
                assigned.append(FeatureRequest(name.replace("_", "-"), policy, place))
                if "_" in name:
                    assigned.append(FeatureRequest(name, policy, place))
    mode = _HOST_LIKE.get(model, CpuMode.CUSTOM)
    requests = (*assigned, *added, *removed)
    cpu = GuestCpu(mode, model if mode is CpuMode.CUSTOM else None, requests, place)
    return CpuArgument(text, cpu, settings)


def _policy_of(value: str) -> Policy | None:
    if value in _ON:
        return Policy.REQUIRE
    return Policy.DISABLE if value in _OFF else None


def check_cpu(text: str, source: str = "--cpu") -> None:
    """Check the value of a -cpu option as a person wrote it; its model and features may be any QEMU's.

    What is refused here QEMU 7.2 refused at start. An empty option between two commas it takes.

    Raises:
        UsageError: QEMU would not start with it.
    """
    model, *options = text.split(",")
    if not model or model != model.strip() or " " in model or model.startswith(("-", "+")):
        raise UsageError(
            "no CPU model",
            source=source,
            found=repr(model),
            expected="what follows -cpu in a command line: a model, then features after commas without blanks, "
            "as in host or qemu64,+avx2,sgx=on",
        )
    for option in filter(None, options):
        _check_option(option, source)


def _check_option(option: str, source: str) -> None:
    sign = option[0] if option[0] in "+-" else ""
    name, assigns, value = (option[1:], "", "") if sign else option.partition("=")
    dashed = name.replace("_", "-")
    if any(letter.isspace() for letter in name):
        fault, expected = "a name with a blank, which QEMU takes for a part of it", repr(option.replace(" ", ""))
    elif not name:
        fault, expected = "a feature without a name", "as in +avx2 or avx2=on"
    elif "=" in name:
        fault, expected = "a sign and a value", f"{option[1:]} or {option.partition('=')[0]}"
    elif sign and _is_property(dashed) and not _is_property(name):
        fault = "QEMU turns _ into - only where a value follows"
        expected = f"{sign}{dashed} or {name}={'off' if sign == '-' else 'on'}"
    elif assigns and value not in _ON | _OFF and (_is_property(name) or _is_property(dashed)):
        fault, expected = f"QEMU expects 'on' or 'off' for {name}", f"{name}=on or {name}=off"
    elif not _is_property(dashed) and _is_property(dashed.lower()):
        fault, expected = "QEMU's names have no capital letters", option.replace(name, name.lower())
    else:
        return
    raise UsageError(fault, source=source, found=repr(option), expected=expected)


def _is_property(name: str) -> bool:
    return Atlas.load().named(Dialect.QEMU, name) is not None


def parse_arguments(arguments: Sequence[str], place: Place) -> CommandLine:
    """Read a QEMU command line, given as its separate arguments without the program."""
    cpus: list[CpuArgument] = []
    machine_accelerator, accelerators = Accelerator.TCG.value, []
    machine: str | None = None
    confidential: str | None = None
    for option, value in _pairs(arguments):
        if option == "cpu":
            cpus.append(parse_cpu(value, place))
        elif option in ("machine", "M"):
            settings = parse_properties(value, first="type")
            machine = settings.get("type", machine)
            machine_accelerator = settings.get("accel", machine_accelerator)
        elif option == "accel":
            accelerators.append(parse_properties(value, first="accel").get("accel", ""))
        elif option == "enable-kvm":
            machine_accelerator = Accelerator.KVM.value
        elif option == "object":
            kind = parse_properties(value, first="qom-type").get("qom-type", "")
            if kind in ("sev-guest", "sev-snp-guest", "tdx-guest"):
                confidential = kind
    accelerator = _accelerator_of([*accelerators, machine_accelerator][0])
    return CommandLine(tuple(cpus), accelerator, machine, confidential, place)


def _accelerator_of(text: str) -> Accelerator | None:
    return _ACCELERATORS.get(text.split(":", maxsplit=1)[0])


def _pairs(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Walk `(option, value)`; an option without a value has the next option's text, which is not its own."""
    for number, argument in enumerate(arguments):
        if argument.startswith("-") and len(argument) > 1:
            following = arguments[number + 1] if number + 1 < len(arguments) else ""
            yield argument.removeprefix("-").removeprefix("-"), following


def parse_properties(text: str, *, first: str) -> dict[str, str]:
    """Read `value,key=value,...` or QEMU's JSON form; `first` names the key that may be left out."""
    if text.startswith("{"):
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return {str(key): str(value) for key, value in document.items()} if isinstance(document, dict) else {}
    properties: dict[str, str] = {}
    for number, option in enumerate(split_options(text)):
        key, separator, value = option.partition("=")
        if separator:
            properties[key] = value
        elif number == 0:
            properties[first] = key
    return properties
