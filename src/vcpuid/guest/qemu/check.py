"""What QEMU says of a -cpu value: why it would not start, and what it would warn of.

This judges the grammar: names, forms and values. Whether the accelerator can give a feature, and what depends on
what, is no matter of grammar. Measured by starting QEMU 7.2 and 10.0.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass

from vcpuid.errors import UsageError
from vcpuid.guest.qemu.cpu import CpuArgument, CpuOption, Form, parse_cpu
from vcpuid.guest.qemu.properties import find_property
from vcpuid.terms.guest import CpuMode, GuestCpu
from vcpuid.terms.place import Place

_VENDOR_ID_LETTERS = 12
_OWN_BITS = 40  # a width of QEMU's own, where the host's is not asked for
_NONE_GIVEN = 0xFFFFFFFF  # QEMU takes it for no number
_ADDRESS_BITS = range(32, 53)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why QEMU would not start.

    Attributes:
        message: What is wrong, in one clause.
        found: The option or model.
        expected: What to write in its place.
        qemu: What QEMU says of it, or a part of that; empty where it has many words for it.
    """

    message: str
    found: str
    expected: str
    qemu: str = ""


def check_cpu(text: str, source: str = "--cpu") -> None:
    """Check the value of a -cpu option as a person wrote it; its model and features may be any QEMU's.

    Raises:
        UsageError: QEMU would not start with it.
    """
    for fault in find_faults(parse_cpu(text, Place(source))):
        raise UsageError(fault.message, source=source, found=repr(fault.found), expected=fault.expected)


def find_faults(
    argument: CpuArgument, *, version: str | None = None, models: Container[str] | None = None
) -> Iterator[Fault]:
    """Walk what QEMU refuses.

    Args:
        argument: The -cpu option.
        version: The version of QEMU, by which properties are judged; without it an unknown name is no fault.
        models: The models that this QEMU has; without them any name may be one.
    """
    model = argument.model
    if not model or model != model.strip() or " " in model or model.startswith(("-", "+")):
        expected = (
            "what follows -cpu in a command line: a model, then features after commas without blanks, "
            "as in host or qemu64,+avx2,sgx=on"
        )
        said = "-cpu option cannot be empty" if not argument.text else f"unable to find CPU model '{model}'"
        yield Fault("no CPU model", model, expected, said)
    elif models is not None and model not in models:
        yield Fault("no model of this QEMU", model, "-cpu help lists them", f"unable to find CPU model '{model}'")
    for option in argument.options:
        fault = _fault_of_form(option) or _fault_of_value(option) or _fault_of_name(option, model, version)
        if fault is not None:
            yield fault
    yield from _faults_of_width(argument.cpu)


def _faults_of_width(cpu: GuestCpu) -> Iterator[Fault]:
    settings = {setting.name: setting.value for setting in cpu.settings}
    bits, guests = (settings.get(name, 0) for name in ("phys-bits", "guest-phys-bits"))
    if bits not in (0, *_ADDRESS_BITS):
        yield Fault("no width of addresses", f"phys-bits={bits}", "0, or 32 to 52", "phys-bits should be ")
        return
    named = cpu.request_for(frozenset(("host-phys-bits",)))
    is_hosts = cpu.mode is not CpuMode.CUSTOM or (named is not None and named.policy.asks)
    most = int(bits) or (_ADDRESS_BITS[-1] if is_hosts else _OWN_BITS)
    if guests not in (0, _NONE_GIVEN, *range(_ADDRESS_BITS[0], most + 1)):
        said = "guest-phys-bits should be "
        yield Fault("no width of the guest's addresses", f"guest-phys-bits={guests}", f"0, or 32 to {most}", said)


def _fault_of_form(option: CpuOption) -> Fault | None:
    name, text = option.name, option.text
    sign = option.form.value if option.is_signed else ""
    written = text[1:] if sign else text.partition("=")[0]
    known = option.known is not None
    if not name:
        return Fault("a feature without a name", text, "as in +avx2 or avx2=on")
    if any(letter.isspace() for letter in written):
        message = "a name with a blank, which QEMU takes for a part of it"
        return Fault(message, text, repr(text.replace(" ", "")))
    if "=" in name:
        return Fault("a sign and a value", text, f"{text[1:]} or {text.partition('=')[0]}")
    dashed = name.replace("_", "-")
    if sign and not known and find_property(dashed):
        value = "off" if option.form is Form.MINUS else "on"
        message = "QEMU turns _ into - only where a value follows"
        return Fault(message, text, f"{sign}{dashed} or {name}={value}")
    if not known and find_property(dashed.lower()):
        return Fault("QEMU's names have no capital letters", text, text.replace(written, written.lower()))
    return None


def _fault_of_value(option: CpuOption) -> Fault | None:
    known = option.known
    if known is None or option.means is not None:
        return None
    if option.form is Form.ASSIGNED and known.is_switch:
        name = option.text.partition("=")[0]
        said = f"Parameter '{option.name}' expects 'on' or 'off'"
        return Fault(f"QEMU expects 'on' or 'off' for {name}", option.text, f"{name}=on or {name}=off", said)
    if option.form is Form.ASSIGNED:
        return Fault(f"no value for {option.name}", option.text, known.takes)
    return Fault(f"{known.name} is no switch", option.text, f"{known.name}= with {known.takes}")


def _fault_of_name(option: CpuOption, model: str, version: str | None) -> Fault | None:
    known = option.known
    if known is not None and not known.is_of(model):
        expected = f"one of the models {' '.join(sorted(known.models))}"
        return Fault(f"{known.name} is no property of {model}", option.text, expected, _not_found(option, model))
    if version is not None and (known is None or not known.is_known_in(version)):
        return Fault(
            f"no property of QEMU {version}", option.text, "a name that it has", _not_found(option, model)
        )
    return None


def _not_found(option: CpuOption, model: str) -> str:
    return f"Property '{model}-x86_64-cpu.{option.name}' not found"


def find_warnings(argument: CpuArgument) -> tuple[str, ...]:
    """Give what QEMU warns of, in its words, when it reads this -cpu, without `warning: `."""
    signed: dict[str, list[str]] = {}
    warnings: list[str] = []
    for option in argument.options:
        # Only what stands before is known to QEMU when it reads an option; and it knows no aliases.
        if option.is_signed:
            signed.setdefault(option.name, []).append(option.form.value)
            continue
        for sign in sorted(set(signed.get(option.name, ()))):
            text = f'"{sign}{option.name}" and "{option.name}={option.value}"'
            warnings.append(f"Ambiguous CPU model string. Don't mix both {text}")
    if warnings:
        warnings.append("Compatibility of ambiguous CPU model strings won't be kept on future QEMU versions")
    vendor = next((setting.value for setting in argument.cpu.settings if setting.name == "hv-vendor-id"), "")
    if isinstance(vendor, str) and len(vendor) > _VENDOR_ID_LETTERS:
        warnings.append(f"hv-vendor-id truncated to {_VENDOR_ID_LETTERS} characters")
    return tuple(warnings)
