"""What a probed guest told, as text and as a JSON document, schema `vcpuid-probe/1`."""

from __future__ import annotations

from typing import Any

from vcpuid.answers.decode import decode_dump
from vcpuid.answers.foreseen import Foreseen
from vcpuid.dumps.own import dump_document
from vcpuid.render.cpus import plural
from vcpuid.render.decode import add_row, render_decode
from vcpuid.render.document import address_document
from vcpuid.render.page import Page
from vcpuid.terms.dump import Dump
from vcpuid.terms.guest import Accelerator
from vcpuid.terms.probed import ProbeResult


def render_probe(
    result: ProbeResult, foreseen: Foreseen | None = None, *, every_field: bool = False, switched_on: bool = False
) -> Page:
    """Show the summary that `decode` shows, and what only a guest can tell: its MSRs, and what it switches on.

    With `foreseen` also where the guest is not what was predicted.
    """
    dump = result.switched_on if switched_on else result.dump
    page = render_decode([decode_dump(dump)], every_field=every_field)
    first = result.cpus[0]
    read = len(result.dump.cpus[0].msrs)
    faulting = len(first.faulting_msrs)
    add_row(page, "MSRs", f"{read} of {plural(read + faulting, 'MSR')} that were asked can be read")
    add_row(page, "switched on", _switched_on(result))
    if foreseen is not None:
        _add_foreseen(page, result, foreseen)
    return page


def _add_foreseen(page: Page, result: ProbeResult, foreseen: Foreseen) -> None:
    """Tell whether the guest is as predicted, and whose fault it is where it is not."""
    if not foreseen.surprises:
        add_row(page, "predicted", f"as by the rules of {foreseen.rules}")
        return
    count = plural(len(foreseen.surprises), "bit")
    whose = "this host's KVM" if result.accelerator is Accelerator.KVM else "our tables of it"
    add_row(page, "predicted", f"not as by the rules of {foreseen.rules}: {count} differ, a finding about {whose}")
    for label, is_seen in (("shown", True), ("not shown", False)):
        names = [one.feature or str(one.bit) for one in foreseen.surprises if one.is_seen is is_seen]
        if names:
            add_row(page, f"  {label}", " ".join(names))


def _switched_on(result: ProbeResult) -> str:
    """Tell which switches the first CPU took, and what its CPUID shows then that it did not show before."""
    cpu = result.cpus[0]
    before, after = (_features(dump) for dump in (result.dump, result.switched_on))
    shown = " ".join(name for name in after if name not in before)
    taken = f"CR4 {cpu.cr4:#x}, XCR0 {cpu.xcr0:#x}, IA32_XSS {cpu.xss:#x}"
    return f"{taken}; CPUID then shows {shown}" if shown else taken


def _features(dump: Dump) -> tuple[str, ...]:
    return decode_dump(dump).machine.kinds[0].facts.features


def probe_document(result: ProbeResult, foreseen: Foreseen | None = None) -> dict[str, Any]:
    """Give the document; the dumps in it are `vcpuid-dump/1`."""
    return {
        "schema": "vcpuid-probe/1",
        "cpu": result.cpu,
        "accelerator": result.accelerator.value,
        "machine": result.machine,
        "smp": result.smp,
        "qemu": {"path": result.qemu, "version": result.version, "command": list(result.command)},
        "warnings": list(result.warnings),
        "cpus": [
            {
                "cpu": cpu.number,
                "apic_id": cpu.apic_id,
                "faulting_msrs": [f"{index:08x}" for index in cpu.faulting_msrs],
                "cr4": f"{cpu.cr4:08x}",
                "xcr0": f"{cpu.xcr0:016x}",
                "xss": f"{cpu.xss:016x}",
            }
            for cpu in result.cpus
        ],
        "dump": dump_document(result.dump),
        "switched_on": dump_document(result.switched_on),
        "prediction": foreseen
        and {
            "rules": foreseen.rules,
            "checked": foreseen.checked,
            "surprises": [
                {
                    "address": address_document(one.bit),
                    "feature": one.feature or None,
                    "is_seen": one.is_seen,
                    "reason": one.reason or None,
                }
                for one in foreseen.surprises
            ],
        },
    }
