"""P4: a model contains a feature in one layer and not in the next.

kubevirt#9325 (mpx, monitor: libvirt's models against QEMU's), OpenNebula#6686 (f16c), LP#1913716, tp-qemu#4484.
"""

from __future__ import annotations

from typing import Any

import pytest

from journeys.conftest import EXAMPLES, NODES, Say
from programs import needs, version_of_libvirt
from story.conftest import Vcpuid
from vcpuid.atlas import Atlas
from vcpuid.dumps import parse_dump


def in_qemu(document: dict[str, Any], version: str) -> dict[str, Any]:
    """Give what QEMU's model has more and less in one version."""
    (answer,) = document["answers"]
    (contents,) = (one for one in answer["qemu"] if version in one["versions"])
    found: dict[str, Any] = contents
    return found


# libvirt's model against QEMU's ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("Haswell", ["abm", "arat", "f16c", "rdrand", "vme", "xsaveopt"]),
        ("Snowridge", ["monitor", "mpx"]),
        ("Skylake-Client", []),
    ],
)
def test_what_qemu_gives_besides(model: str, more: list[str], vcpuid: Vcpuid) -> None:
    status, document = vcpuid("map", "show", model, "--shipped")
    assert status == 0
    assert in_qemu(document, "10.0")["more"] == more


def test_the_difference_is_said_in_words(say: Say) -> None:
    _, told, _ = say("map", "show", "Snowridge", "--shipped")
    assert "QEMU 7.2, 10.0, 11.1: its model of this name differs has more monitor mpx" in told
    _, told, _ = say("map", "show", "Skylake-Client", "--shipped")
    assert "QEMU 7.2, 10.0, 11.1: its model of this name has the same" in told


@needs("virsh", package="libvirt-daemon-system")
def test_the_installed_map_has_mpx_in_a_model_that_qemu_took_it_from_or_says_so(vcpuid: Vcpuid) -> None:
    _, document = vcpuid("map", "show", "Skylake-Client")
    (answer,) = document["answers"]
    if version_of_libvirt() >= (11, 3):  # which says that it took it out, too
        assert answer["removed"] == ["mpx"]
        assert in_qemu(document, "7.2")["lacks"] == []
    else:
        assert "mpx" in answer["features"]
        assert in_qemu(document, "7.2")["lacks"] == ["mpx"]


# The same from inside: what a real QEMU's guest sees --------------------------------------------------------


@needs("qemu-system-x86_64", package="qemu-system-x86")
@pytest.mark.parametrize(
    ("model", "has", "lacks"),
    [("Haswell-noTSX", ("f16c", "rdrand"), ("mpx",)), ("Skylake-Client", ("avx2", "adx"), ("mpx",))],
)
def test_a_guest_of_the_installed_qemu_agrees(
    model: str, has: tuple[str, ...], lacks: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory, say: Say
) -> None:
    path = tmp_path_factory.mktemp("probe") / "guest.json"
    status, _, told = say("probe", model, "--accel", "tcg", "--to", "json", "-o", str(path))
    assert status == 0, told
    cpu = parse_dump(path.read_bytes(), str(path)).dump.cpus[0]
    for name in has + lacks:
        (bit,) = Atlas.load().find(name).feature.bits
        assert cpu.has(bit) is (name in has), name


# And from the outside: asked for, or not --------------------------------------------------------------------


def test_why_says_that_the_model_lacks_it_in_that_version(vcpuid: Vcpuid) -> None:
    status, document = vcpuid("why", "mpx", "--host", NODES[1], "--cpu", "Skylake-Client")
    (answer,) = document["answers"]
    assert (status, answer["asked"], answer["available"], answer["got"]) == (1, "absent", "present", "absent")
    assert answer["broken_at"]["demand"] == "process"
    assert "+mpx" in " ".join(answer["mend"])


def test_a_name_of_another_project_is_not_silently_another_feature(say: Say) -> None:
    status, told, _ = say("explain", "pclmuldq")
    assert status == 0
    assert "matched a name of QEMU, libvirt" in told
    assert "/proc/cpuinfo pclmulqdq" in told


def test_what_one_dialect_cannot_say_is_told(say: Say) -> None:
    status, told, errors = say("guest", str(EXAMPLES / "sealed.xml"), "--to", "qemu")
    assert status == 0
    assert told.startswith("-cpu Skylake-Client-IBRS,sgx=on")
    assert "lost: feature cmt (optional): QEMU has no name for it" in errors
