"""A damaged snapshot is examined and planned for, or refused with the place of the damage; never a crash."""

from __future__ import annotations

import pytest

from sgx_hosts import sgx_document
from snapshots import Data, qmp
from unit.evidence.test_damage import WRONG_VALUES, paths, replaced
from vcpuid.answers.sgx.doctor import examine
from vcpuid.answers.sgx.files import write_files
from vcpuid.answers.sgx.plan import Request, make_plan
from vcpuid.answers.sgx.step import Purpose
from vcpuid.errors import InputError, UndecidedError
from vcpuid.evidence import Evidence
from vcpuid.render.sgx_doctor import render_doctor
from vcpuid.snapshot import Snapshot

WHOLE = sgx_document("ready")
WHOLE["sources"]["qmp"] = {
    "state": "ok",
    "took_ms": 1,
    "problems": [],
    "data": qmp(sgx_capabilities={"sgx": True}, sgx_error=None),
}


def ask_everything(whole: Data) -> None:
    evidence = Evidence(Snapshot.of(whole, "host.json"))
    for purpose in Purpose:
        render_doctor(examine(evidence, purpose), verbose=True).plain()
    write_files(make_plan(evidence, [Request("a", 1 << 20, 2)]), evidence)


def fault_of(whole: Data) -> str | None:
    """What is wrong with how a damaged document is refused; None where nothing is."""
    try:
        ask_everything(whole)
    except (InputError, UndecidedError) as error:
        return None if error.source and error.message else "no source or message"
    except Exception as error:  # noqa: BLE001 - any other is what this test looks for
        return f"{type(error).__name__}: {error}"
    return None


def test_the_whole_host_is_sound() -> None:
    ask_everything(WHOLE)


@pytest.mark.parametrize("source", ["sgx", "qmp", "libvirt", "kernel", "msr", "processes", "qemu"])
def test_a_damaged_source_is_told_or_not_needed(source: str) -> None:
    faults = {
        (path, repr(wrong)[:40]): fault
        for path in paths(WHOLE["sources"][source])
        for wrong in WRONG_VALUES
        if (fault := fault_of(replaced(WHOLE, ("sources", source, *path), wrong)))
    }
    assert faults == {}


@pytest.mark.parametrize(
    "sgx",
    [
        "<sgx supported='yes'><sections><section node='x' size='1' unit='KiB'/></sections></sgx>",
        "<sgx supported='yes'><sections><section node='0' size='-1' unit='KiB'/></sections></sgx>",
        "<sgx supported='yes'><section_size unit='furlong'>1</section_size></sgx>",
    ],
)
def test_damaged_domain_capabilities_are_told(sgx: str) -> None:
    xml = f"<domainCapabilities><domain>kvm</domain><features>{sgx}</features></domainCapabilities>"
    path = ("sources", "libvirt", "data", "domain_capabilities", 0, "xml")
    with pytest.raises(InputError, match="virsh domcapabilities"):
        ask_everything(replaced(WHOLE, path, xml))
