"""EPC memory on QEMU's command line, as we write it."""

from __future__ import annotations

from vcpuid.guest.qemu import parse_arguments
from vcpuid.guest.qemu.epc import render_epc
from vcpuid.terms.epc import EpcSection
from vcpuid.terms.place import Place

HERE = Place("here")
MIB = 1 << 20


def test_what_is_written_is_read() -> None:
    sections = (EpcSection(64 * MIB, "0-1", 0, HERE), EpcSection(4096, None, 1, HERE))
    assert parse_arguments(render_epc(sections), HERE).epc == sections


def test_its_machine_names_no_type() -> None:
    arguments = render_epc((EpcSection(MIB, None, None, HERE),))
    assert arguments[-2:] == ["-machine", "sgx-epc.0.memdev=epc0,sgx-epc.0.node=0"]
    assert parse_arguments(["-machine", "q35", *arguments], HERE).machine == "q35"
    assert render_epc(()) == []
