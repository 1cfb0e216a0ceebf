"""A guest's CPU as nova.conf's section."""

from __future__ import annotations

import pytest

from vcpuid.guest.libvirt import parse_cpu, parse_xml
from vcpuid.guest.nova import NovaSection, render_nova


def render(text: str) -> NovaSection:
    return render_nova(parse_cpu(parse_xml(text, "x"), "x"))


def test_a_whole_cpu() -> None:
    section = render(
        "<cpu mode='custom' match='exact'><model>Skylake-Client-IBRS</model>"
        "<topology sockets='2' cores='2' threads='1'/><maxphysaddr mode='emulate' bits='42'/>"
        "<feature policy='require' name='sgx'/><feature policy='disable' name='hle'/>"
        "<numa><cell id='0' cpus='0-3' memory='1024' unit='MiB'/></numa></cpu>"
    )
    assert section.text == (
        "[libvirt]\ncpu_mode = custom\ncpu_models = Skylake-Client-IBRS\ncpu_model_extra_flags = sgx, -hle\n"
    )
    assert section.lost == ()
    assert section.flavor == {
        "hw:cpu_sockets": "2",
        "hw:cpu_cores": "2",
        "hw:cpu_threads": "1",
        "hw:maxphysaddr_mode": "emulate",
        "hw:maxphysaddr_bits": "42",
        "hw:numa_nodes": "1",
        "hw:numa_cpus.0": "0-3",
        "hw:numa_mem.0": "1024",
    }


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("<cpu/>", "none"),
        ("<cpu mode='host-model'/>", "host-model"),
        ("<cpu mode='host-passthrough'/>", "host-passthrough"),
    ],
)
def test_modes(text: str, mode: str) -> None:
    section = render(text)
    assert section.text == f"[libvirt]\ncpu_mode = {mode}\n"
    assert section.lost == ()


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("<cpu mode='maximum'/>", "mode maximum"),
        ("<cpu mode='host-model' match='strict'/>", "match strict"),
        ("<cpu mode='host-model' check='none'/>", "check none"),
        ("<cpu mode='host-passthrough' migratable='off'/>", "migratable off"),
        ("<cpu><model fallback='forbid'>x</model></cpu>", "fallback forbid"),
        ("<cpu><model vendor_id='abcdefghijkl'>x</model></cpu>", "vendor_id abcdefghijkl"),
        ("<cpu><model>x</model><vendor>Intel</vendor></cpu>", "vendor Intel"),
        ("<cpu mode='host-model'><cache mode='passthrough'/></cpu>", "cache passthrough"),
        ("<cpu mode='host-model'><topology sockets='1' dies='2' cores='1' threads='1'/></cpu>", "dies"),
        ("<cpu mode='host-model'><maxphysaddr mode='passthrough' limit='42'/></cpu>", "the limit"),
        ("<cpu><numa><cell cpus='0' memory='1' unit='KiB'/></numa></cpu>", "below a MiB"),
        ("<cpu mode='custom'/>", "mode custom without a model"),
        ("<cpu mode='host-model'><feature policy='force' name='sgx'/></cpu>", "written as require"),
        ("<cpu mode='host-model'><feature policy='forbid' name='sgx'/></cpu>", "written as disable"),
        ("<cpu mode='host-model'><feature policy='optional' name='sgx'/></cpu>", "left out"),
        ("<cpu mode='host-model'><feature name='+sgx'/></cpu>", "'+sgx'"),
        ("<cpu mode='host-model'><feature name='SGX'/></cpu>", "'SGX'"),
        ("<cpu><feature name='sgx'/></cpu>", "the features sgx: with cpu_mode none"),
    ],
)
def test_what_cannot_be_expressed(text: str, lost: str) -> None:
    assert any(lost in f"{unsaid.what}: {unsaid.why}" for unsaid in render(text).lost)
