"""Features put into a map: what is refused, and what the linter says of the new map."""

from __future__ import annotations

import pytest

from map_defects import TINY
from vcpuid.answers.look_up import look_up_for_map
from vcpuid.answers.map_edit import MapEdit, add_to_map
from vcpuid.errors import InputError, UsageError
from vcpuid.rules.libvirt.map_reader import load_map

FILES = {path.name: path.read_bytes() for path in TINY.iterdir()}


def add(*names: str, **files: bytes) -> MapEdit:
    return add_to_map(
        {**FILES, **{f"{name}.xml": raw for name, raw in files.items()}},
        "map",
        [look_up_for_map(name) for name in names],
    )


def test_the_new_map_has_the_features_and_no_fault() -> None:
    edit = add("sgx1", "sgxlc")
    texts = {name: raw.decode() for name, raw in {**FILES, edit.file: edit.raw}.items()}
    features = load_map(texts, "map").features
    assert [str(bit) for bit in features["sgx1"].bits] == ["CPUID.12H.0:EAX[0]"]
    assert [str(bit) for bit in features["sgxlc"].bits] == ["CPUID.07H.0:ECX[30]"]
    assert edit.is_sound
    assert edit.findings == ()


def test_a_name_given_twice_is_added_once() -> None:
    assert [entry.name for entry in add("hle", "hle", "HLE").entries] == ["hle"]


def test_a_name_that_is_there_is_refused() -> None:
    with pytest.raises(UsageError, match=r"(?s)x86_features.xml:26: the map has sgx already.*Nothing is to"):
        add("hle", "sgx")


def test_a_name_that_is_there_with_another_bit_is_to_be_mended() -> None:
    wrong = FILES["x86_features.xml"].replace(b"ebx='0x00000004'", b"ebx='0x00000010'")
    with pytest.raises(UsageError, match=r"(?s)has sgx already.*Mend that entry.*sgx is CPUID.07H.0:EBX\[2\]"):
        add("sgx", x86_features=wrong)


def test_a_bit_that_is_there_under_another_name_is_refused() -> None:
    other = FILES["x86_features.xml"].replace(b"name='tsc_adjust'", b"name='adjust'")
    with pytest.raises(UsageError, match=r"(?s)bit of tsc_adjust already.*as adjust"):
        add("tsc_adjust", x86_features=other)


@pytest.mark.parametrize("name", ["pmu", "kvmclock"])
def test_what_has_no_entry_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no entry of this kind"):
        add(name)


def test_notes_on_what_was_there_are_not_repeated() -> None:
    noted = FILES["x86_features.xml"].replace(
        b"</cpus>", b"<feature name='cvt16'><cpuid eax_in='0x80000001' ecx='0x00040000'/></feature></cpus>"
    )
    assert add("hle", x86_features=noted).findings == ()
    assert [finding.rule for finding in add("ospke", x86_features=noted).findings] == ["map.own-not-in-qemu"]


def test_an_error_that_was_there_makes_the_map_unsound() -> None:
    broken = FILES["x86_Newer.xml"].replace(b"<decode host='on' guest='on'/>", b"")
    assert not add("hle", x86_Newer=broken).is_sound


def test_a_map_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(InputError):
        add("hle", x86_features=b"<cpus>")
