"""`vcpuid guest` as a command: what goes where, and what it says of losses."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from streams import feed
from unit.cli.conftest import Run

XML = "<cpu mode='custom'>\n  <model>EPYC</model>\n  <feature policy='forbid' name='svm'/>\n</cpu>\n"


@pytest.fixture
def guest(vcpuid: Run) -> Run:
    return partial(vcpuid, "guest")


def test_the_definition_goes_to_standard_output_and_the_losses_to_standard_error(
    guest: Run, tmp_path: Path
) -> None:
    path = tmp_path / "web.xml"
    path.write_text(XML)
    lost = (
        f"vcpuid: {path}:3: lost: policy forbid of svm: -cpu has only on and off: it is off, and a host that has"
    )
    status, out, err = guest(path, "--to", "qemu")
    assert (status, out) == (0, "-cpu EPYC,svm=off\n")
    assert err.startswith(lost)
    assert guest(path, "--to", "qemu", "--strict")[0] == 1
    assert guest("host,+sgx", "--to", "qemu", "--strict") == (0, "-cpu host,sgx=on\n", "")


def test_json_lists_the_losses(guest: Run) -> None:
    status, out, _ = guest("host,level=13", "--to", "libvirt", "--format", "json")
    assert status == 0
    assert json.loads(out) == {
        "schema": "vcpuid-guest/1",
        "source": "DEFINITION",
        "from": "qemu",
        "to": "libvirt",
        "text": "<cpu mode='host-passthrough'/>",
        "losses": [
            {
                "what": "level=13",
                "why": "libvirt's domain XML has no element for it",
                "source": "DEFINITION",
                "line": None,
            }
        ],
    }


def test_standard_input_and_a_process(guest: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    raw = b"/usr/bin/qemu-system-x86_64\0-cpu\0max,-avx\0-S\0"
    feed(monkeypatch, raw)
    assert guest("-", "--to", "proxmox")[1] == (
        "cpu-model: vcpuid\n    flags -avx\n    reported-model max\n\ncpu: custom-vcpuid\n"
    )
    path = tmp_path / "cmdline"
    path.write_bytes(raw)
    assert guest(path, "--to", "qemu")[1] == "-cpu max,avx=off\n"


def test_a_map_is_followed(guest: Run, tmp_path: Path) -> None:
    (tmp_path / "index.xml").write_text("<cpus><arch name='x86'><include filename='m.xml'/></arch></cpus>")
    (tmp_path / "m.xml").write_text(
        "<cpus><feature name='svm'><cpuid eax_in='0x80000001' ecx='0x4'/></feature>"
        "<model name='Own'><decode host='on' guest='on'/><feature name='svm' removed='yes'/></model></cpus>"
    )
    xml = "<cpu><model>Own</model></cpu>"
    assert guest(xml, "--to", "qemu", "--map", tmp_path)[1] == "-cpu Own,svm=off\n"
    assert "has no such model" in guest("EPYC", "--to", "libvirt", "--map", tmp_path)[2]


@pytest.mark.parametrize(
    ("definition", "status", "message"),
    [
        ("no/such/file", 3, "no such file"),
        ("web.xml", 3, "no such file"),
        ("", 3, "empty"),
        ("host,avx=1", 2, "QEMU expects 'on' or 'off' for avx"),
        ("<cpu mode='host-model'/>", 4, "host-model is made of the host's CPU"),
        ("<cpu", 3, "not well-formed"),
        ("/", 3, "cannot be read"),
        ("a" * 5000, 0, ""),
        ("a" * (1 << 17), 3, "too long for -cpu"),
        ("a\0b", 2, ""),
    ],
)
def test_what_is_none(guest: Run, definition: str, status: int, message: str) -> None:
    found, _, err = guest(definition, "--to", "qemu")
    assert (found, message in err) == (status, True), err


def test_a_file_that_is_no_text(guest: Run, tmp_path: Path) -> None:
    path = tmp_path / "x"
    for raw, message in ((b"\xff\xfe", "not UTF-8"), (b"a" * (4 << 20) + b"a", "too large")):
        path.write_bytes(raw)
        status, _, err = guest(path, "--to", "qemu")
        assert (status, message in err) == (3, True)


def test_the_dialect_can_be_forced(guest: Run) -> None:
    assert guest("model: x", "--to", "qemu")[1] == "-cpu x\n"
    status, _, err = guest("model: x", "--to", "qemu", "--from", "libvirt")
    assert status == 3
    assert "not well-formed" in err
