"""Reading the value of -cpu.

The rules were measured on QEMU 7.2 by starting it: `-f` beats `+f`, both beat `f=on`, whatever their order; of
several `=` forms the last wins; only these turn an underscore into a dash; an empty option is none; there is no
doubled comma.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from vcpuid.errors import InputError
from vcpuid.guest.qemu.options import parse_size
from vcpuid.guest.qemu.properties import OFF, ON, Property, find_property
from vcpuid.terms.guest import CpuMode, FeatureRequest, GuestCpu, Policy, Setting
from vcpuid.terms.place import Place

_HOST_LIKE = {"host": CpuMode.HOST_PASSTHROUGH, "max": CpuMode.MAXIMUM}
_TSC_FREQUENCY_LIMIT = 1 << 63
_LONGEST_ARGUMENT = (1 << 17) - 1  # Linux's MAX_ARG_STRLEN, without the NUL
_MOST_OPTIONS = 2048  # QEMU 11.1's CPUs have some 700 properties


class Form(Enum):
    """How an option is written."""

    PLUS = "+"
    MINUS = "-"
    ASSIGNED = "="
    BARE = ""


@dataclass(frozen=True, slots=True)
class CpuOption:
    """One option between two commas.

    Attributes:
        text: As it was written.
        form: How it is written.
        name: The property's name as QEMU takes it; an underscore has become a dash in the forms that do so.
        value: What follows the sign `=`; `on` and `off` for the other forms.
        known: The property of that name; None where no QEMU that was looked at has it.
        means: The value that the property gets; None where QEMU refuses it, and for an unknown property.
    """

    text: str
    form: Form
    name: str
    value: str
    known: Property | None
    means: bool | int | str | None

    @property
    def is_signed(self) -> bool:
        """Whether it has a sign before it, and so beats every form without one."""
        return self.form in (Form.PLUS, Form.MINUS)


@dataclass(frozen=True, slots=True)
class CpuArgument:
    """One -cpu option: its text as it was given, its parts in order, and the CPU that it asks for."""

    text: str
    cpu: GuestCpu
    options: tuple[CpuOption, ...] = ()

    @property
    def model(self) -> str:
        """The model's name as it was given."""
        return self.text.partition(",")[0]


def parse_cpu(text: str, place: Place) -> CpuArgument:
    """Read the value of a -cpu option.

    The requests are ordered so that of two for one feature the later is the one that QEMU follows. A property that
    takes more than on and off is a setting; a value that it refuses is left out.

    Raises:
        InputError: It is longer than any that QEMU can be started with, or has too many options.
    """
    if len(text) > _LONGEST_ARGUMENT:
        found, expected = f"{len(text)} characters", f"at most {_LONGEST_ARGUMENT}, as Linux allows an argument"
        raise InputError("too long for -cpu", source=place.source, found=found, expected=expected)
    model, *words = text.split(",")
    if len(words) > _MOST_OPTIONS:
        found, expected = f"{len(words)} options", f"at most {_MOST_OPTIONS}"
        raise InputError("too many options for -cpu", source=place.source, found=found, expected=expected)
    options = tuple(_parse_option(word) for word in words if word)
    requests = tuple(
        FeatureRequest(option.name, policy, place)
        for option in sorted(options, key=_precedence)
        if option.name and (policy := _policy_of(option)) is not None
    )
    mode = _HOST_LIKE.get(model, CpuMode.CUSTOM)
    cpu = GuestCpu(
        mode,
        model if mode is CpuMode.CUSTOM else None,
        requests,
        place,
        settings=tuple(_settings_of(options, place)),
    )
    return CpuArgument(text, cpu, options)


def _parse_option(text: str) -> CpuOption:
    if text[0] in "+-":
        form, name, value = Form(text[0]), text[1:], "off" if text[0] == "-" else "on"
        known = find_property(name)
        # Only a switch takes a sign.
        means = None if known is None or not known.is_switch else form is Form.PLUS
        return CpuOption(text, form, name, value, known, means)
    name, separator, value = text.partition("=")
    form, name = (Form.ASSIGNED, name.replace("_", "-")) if separator else (Form.BARE, name.replace("_", "-"))
    value = value if separator else "on"
    if name == "tsc-freq":
        # The one name that QEMU translates before it looks for the property; its thousands are 1,000.
        frequency_hz = parse_size(value, base=1000)
        is_taken = frequency_hz is not None and frequency_hz < _TSC_FREQUENCY_LIMIT
        return CpuOption(
            text, form, name, value, find_property("tsc-frequency"), frequency_hz if is_taken else None
        )
    known = find_property(name)
    return CpuOption(text, form, name, value, known, None if known is None else known.read(value))


def _precedence(option: CpuOption) -> int:
    return {Form.PLUS: 1, Form.MINUS: 2}.get(option.form, 0)


def _policy_of(option: CpuOption) -> Policy | None:
    """Give what is asked of a feature or switch; of an unknown name, what it would be asked if it were one."""
    if option.known is not None and not option.known.is_switch:
        return None
    if option.value in ON:
        return Policy.REQUIRE
    return Policy.DISABLE if option.value in OFF else None


def _settings_of(options: tuple[CpuOption, ...], place: Place) -> list[Setting]:
    settings: dict[str, Setting] = {}
    for option in options:
        known, means = option.known, option.means
        if known is None:
            if option.name and not option.is_signed and option.value not in ON | OFF:
                settings[option.name] = Setting(option.name, option.value, place)
        elif not known.is_switch and means is not None:
            settings.pop(known.name, None)
            settings[known.name] = Setting(known.name, means, place)
    return list(settings.values())
