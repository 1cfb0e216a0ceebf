"""Entries put into a map's text: at libvirt's own place, and nothing else is touched."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from pathlib import Path

import pytest

from map_defects import TINY
from vcpuid.answers.map_entry import entry_of
from vcpuid.atlas import Atlas
from vcpuid.errors import InputError
from vcpuid.rules.libvirt.entry import Entry, Style, mask_element, style_of
from vcpuid.rules.libvirt.map_edit import features_file, insert_entries
from vcpuid.rules.libvirt.map_reader import read_map
from vcpuid.terms.address import parse_bit
from vcpuid.terms.feature import Dialect

INSTALLED = Path("/usr/share/libvirt/cpu_map")
FILE = (TINY / "x86_features.xml").read_bytes()


def named(name: str) -> Entry:
    feature = Atlas.load().named(Dialect.LIBVIRT, name)
    assert feature is not None
    return entry_of(feature)


def insert(*names: str, raw: bytes = FILE) -> str:
    return insert_entries(raw, [named(name) for name in names], "x.xml").decode()


def added(text: str, raw: bytes = FILE) -> list[str]:
    """The lines that were added; nothing may have been removed."""
    changes = list(difflib.ndiff(raw.decode().splitlines(), text.splitlines()))
    assert not [line for line in changes if line.startswith("-")]
    return [line[2:] for line in changes if line.startswith("+")]


def order(text: str) -> list[str]:
    return re.findall(r"<feature name='([^']*)'", text)


@pytest.mark.parametrize(
    ("name", "before", "behind"),
    [
        ("hle", "bmi1", "avx2"),  # between two bits
        ("fsgsbase", "vmx", "tsc_adjust"),  # lower than all of its register
        ("smap", "mpx", "invtsc"),  # higher than all of its register
        ("de", "vme", "tsc"),
    ],
)
def test_an_entry_stands_by_the_bits_of_its_register(name: str, before: str, behind: str) -> None:
    names = order(insert(name))
    position = names.index(name)
    assert names[position - 1] == before
    assert names[position + 1] == behind


def test_the_text_of_an_entry_is_that_of_its_neighbours() -> None:
    assert added(insert("hle")) == [
        "  <feature name='hle'>",
        "    <cpuid eax_in='0x07' ecx_in='0x00' ebx='0x00000010'/>",
        "  </feature>",
    ]


def test_a_new_register_begins_a_section_behind_that_before_it() -> None:
    text = insert("sgx1")
    assert text.index("name='mpx'") < text.index("cpuid level 0x00000012, 0x0000 (eax)") < text.index("power man")
    assert (
        "  </feature>\n\n"
        "  <!-- cpuid level 0x00000012, 0x0000 (eax) -->\n"
        "  <feature name='sgx1'>\n"
        "    <cpuid eax_in='0x12' ecx_in='0x00' eax='0x00000001'/>\n"
        "  </feature>\n\n"
        "  <!-- power management -->\n"
    ) in text
    assert len(added(text)) == 5


def test_an_msr_has_both_halves_and_stands_last() -> None:
    text = insert("vmx-ept")
    assert text.index("name='rdctl-no'") < text.index("<!-- msr 0x0000048b -->")
    assert "    <msr index='0x48b' edx='0x00000002' eax='0x00000000'/>" in added(text)


def test_the_first_of_all_registers_stands_first() -> None:
    text = insert_entries(FILE, [Entry("zero", parse_bit("0.0.eax.1"))], "x.xml").decode()
    assert order(text)[0] == "zero"
    assert text.startswith("<cpus>\n  <!-- cpuid level 0x00000000 (eax) -->\n  <feature name='zero'>")


def test_a_map_without_features_gets_its_first() -> None:
    text = insert("hle", raw=b"<cpus>\n</cpus>\n")
    assert order(text) == ["hle"]
    assert text.endswith("  </feature>\n</cpus>\n")


def test_what_does_not_migrate_is_marked() -> None:
    assert "  <feature name='xsaves' migratable='no'>" in added(insert("xsaves"))


def test_the_digits_of_newer_maps_are_kept() -> None:
    newer = FILE.replace(b"eax_in='0x0", b"eax_in='0x0000000").replace(b"ecx_in='0x0", b"ecx_in='0x0000000")
    assert "    <cpuid eax_in='0x00000007' ecx_in='0x00000000' ebx='0x00000010'/>" in added(
        insert("hle", raw=newer), newer
    )


def test_line_ends_are_kept() -> None:
    dos = FILE.replace(b"\n", b"\r\n")
    made = insert_entries(dos, [named("hle"), named("sgx1"), named("fsgsbase")], "x.xml")
    assert made.count(b"\n") == made.count(b"\r\n") > dos.count(b"\n")
    assert made.replace(b"\r\n", b"\n") == insert("hle", "sgx1", "fsgsbase").encode()


def test_the_indent_is_kept() -> None:
    assert style_of("<cpus>\n\t<feature name='x'>") == Style(2, "\t", "\n")
    assert style_of("<cpus><feature name='x'>").indent == "  "


def test_the_order_of_adding_does_not_matter() -> None:
    names = ("hle", "sgx1", "fsgsbase", "vmx-ept", "sgx2", "smap")
    assert insert(*names) == insert(*reversed(names))


def test_a_mask_of_a_leaf_without_subleaves_has_no_ecx_in() -> None:
    bit = parse_bit("1.0.ecx.5")
    assert mask_element(bit.word, bit.mask) == "<cpuid eax_in='0x01' ecx='0x00000020'/>"


@pytest.mark.parametrize("raw", [b"<cpus>", b"\xff\xfe", b"<!DOCTYPE x []><cpus/>"])
def test_a_damaged_file_is_refused(raw: bytes) -> None:
    with pytest.raises(InputError):
        insert_entries(raw, [named("hle")], "x.xml")


def test_the_file_of_the_features_is_found() -> None:
    files = {path.name: path.read_bytes() for path in TINY.iterdir()}
    assert features_file(files, "map") == "x86_features.xml"
    files["x86_features.xml"] = b"<cpus/>"
    with pytest.raises(InputError, match="has no features"):
        features_file(files, "map")


def test_a_feature_taken_out_of_the_installed_map_comes_back_to_its_place() -> None:
    """libvirt's own order is ours; one that was alone in its register leaves a heading, and gets one of ours."""
    if not INSTALLED.is_dir():
        pytest.skip("needs libvirt's CPU map (Debian package libvirt0)")
    raw = (INSTALLED / "x86_features.xml").read_bytes()
    blocks = re.findall(
        rb"  <feature name='[^']*'(?: migratable='no')?>\n    <(?:cpuid|msr) [^>]*/>\n  </feature>\n", raw
    )
    cpu_map = read_map(INSTALLED)
    alone = Counter(word for feature in cpu_map.features.values() for word, _ in feature.masks)
    returned = 0
    for block in blocks[::2]:
        name = re.findall(rb"name='([^']*)'", block)[0].decode()
        feature = cpu_map.features[name]
        (bit,) = feature.bits
        if alone[bit.word] == 1:
            continue
        without = raw.replace(block, b"", 1)
        assert insert_entries(without, [Entry(name, bit, feature.migratable)], "x.xml") == raw, name
        returned += 1
    assert returned > 50
