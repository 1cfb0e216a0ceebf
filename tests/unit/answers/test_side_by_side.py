"""Several hosts side by side: differences alone, by meaning, and the same answers as of each two."""

from __future__ import annotations

import json
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import permutations
from pathlib import Path

import pytest

from cpus import AUTHENTIC_AMD, HYPERVISOR, Rows, apic_rows, brand_rows, cpu, row
from snapshots import MAP_FEATURES, Data, cpu_map, document, domain_capabilities, libvirt
from vcpuid.answers.baseline import baseline
from vcpuid.answers.compare import Compatibility, compare
from vcpuid.answers.feature_kinds import OTHER, feature_kinds, kind_of_feature
from vcpuid.answers.offer import common_map
from vcpuid.answers.party import Basis, Party, read_parties
from vcpuid.answers.side_by_side import (
    MOST_HOSTS,
    OF_CPU,
    OF_GUESTS,
    OF_HOST,
    Cell,
    Row,
    Section,
    SideBySide,
    compare_side_by_side,
)
from vcpuid.atlas import Atlas
from vcpuid.atlas.tables import load_table
from vcpuid.errors import UsageError
from vcpuid.render.side_by_side import render_side_by_side, side_by_side_document
from vcpuid.terms.dump import Cpu, MissingRow
from vcpuid.terms.verdict import Layer

ROOT = Path(__file__).parents[3]
CLUSTER = [ROOT / f"docs/examples/cluster/node-{number}.json" for number in (1, 2, 3, 4)]
SNAPSHOTS = [ROOT / f"docs/examples/{name}.json" for name in ("h07", "h10", "h11", "h12")]
DUMPS = [ROOT / f"tests/dumps/{name}.json" for name in ("intel-alder-lake", "amd-renoir", "intel-coffee-lake")]
SKYLAKE = "<model>Skylake</model><vendor>Intel</vendor>"
YES, NO = Cell(has=True), Cell(has=False, layer=Layer.SILICON)


def party(path: Path) -> Party:
    (one,) = read_parties(path.read_bytes(), path.name)
    return one


def dumped(name: str, rows: Rows, missing: MissingRow = MissingRow.ZERO, **more: object) -> Party:
    one = cpu(rows, missing=missing, **more)  # type: ignore[arg-type]  # letters
    return Party(name, Basis.CPUID, cpus=(one,))


def host(name: str, **sources: Data) -> Party:
    text = json.dumps({**document(**sources), "host": {"name": name, "machine": "x86_64"}})
    (one,) = read_parties(text.encode(), name)
    return one


def rows_of(answer: SideBySide, subject: str) -> list[Row]:
    return [row for section in answer.sections if section.subject == subject for row in section.rows]


def texts(answer: SideBySide, subject: str, name: str) -> list[str]:
    (found,) = (row for row in rows_of(answer, subject) if row.names == (name,))
    return [cell.text for cell in found.cells]


@pytest.mark.parametrize("paths", [CLUSTER, SNAPSHOTS, DUMPS], ids=["cluster", "snapshots", "dumps"])
def test_each_pair_is_answered_as_it_is_alone_and_the_common_cpu_is_the_baseline(paths: list[Path]) -> None:
    hosts = [party(path) for path in paths]
    answer = compare_side_by_side(hosts)
    for way, (source, target) in zip(answer.ways, permutations(hosts, 2), strict=True):
        assert way == compare(source, target, common_map(hosts)).there
    assert answer.common.cpu == baseline(hosts).cpu
    for section in answer.sections:
        for one in section.rows:
            told = {(cell.has, cell.text) for cell in one.cells if cell != Cell()}
            assert len(told) > 1, (section.subject, one)
    names = [
        name
        for section in answer.sections
        if section.of == OF_GUESTS
        for row in section.rows
        for name in row.names
    ]
    assert len(names) == len(set(names))
    render_side_by_side(answer).plain()
    json.dumps(side_by_side_document(answer))


@pytest.mark.parametrize("path", [*CLUSTER, *SNAPSHOTS, *DUMPS], ids=lambda path: path.stem)
def test_a_host_beside_itself_has_no_difference(path: Path) -> None:
    answer = compare_side_by_side([party(path), party(path), party(path)])
    assert [section for section in answer.sections if section.rows] == []
    assert sum(section.equal for section in answer.sections) > 20
    name = party(path).name
    assert [one.name for one in answer.hosts] == [f"{name} ({number})" for number in (1, 2, 3)]
    assert answer.compatibility is not Compatibility.INCOMPATIBLE


def test_a_feature_is_lost_where_the_host_loses_it() -> None:
    answer = compare_side_by_side([party(path) for path in SNAPSHOTS])
    (sgx,) = (row for row in rows_of(answer, "SGX enclaves") if row.names == ("sgx",))
    assert [(cell.has, cell.layer) for cell in sgx.cells] == [
        (False, Layer.FIRMWARE),
        (True, None),
        (False, Layer.KERNEL),
        (True, None),
    ]


def test_features_that_the_same_hosts_have_are_one_row() -> None:
    avx2_and_bmi: Rows = {(7, 0): row(ebx=1 << 5 | 1 << 3 | 1 << 8)}
    answer = compare_side_by_side(
        [dumped("a", avx2_and_bmi), dumped("b", {(7, 0): row()}), dumped("c", avx2_and_bmi)]
    )
    assert rows_of(answer, "vectors and matrices") == [Row(("avx2",), (YES, NO, YES))]
    assert rows_of(answer, "other features") == [Row(("bmi1", "bmi2"), (YES, NO, YES))]


def test_what_a_dump_leaves_out_is_not_told_and_no_difference() -> None:
    avx2: Rows = {(7, 0): row(ebx=1 << 5)}
    quiet = dumped("b", {(0, 0): row(0x16, *cpu().rows[0, 0][1:])}, MissingRow.UNKNOWN)
    answer = compare_side_by_side([dumped("a", avx2), quiet])
    (vectors,) = (one for one in answer.sections if one.subject == "vectors and matrices")
    assert (vectors.rows, vectors.untold) == ((), 1)
    both = compare_side_by_side([dumped("a", avx2), quiet, dumped("c", {(7, 0): row()})])
    assert rows_of(both, "vectors and matrices") == [Row(("avx2",), (YES, Cell(), NO))]


def test_facts_by_their_meaning() -> None:
    cache: Rows = {(4, 0): row(0x0C004121, 0x01C0003F, 0x3F), (4, 1): row()}
    one = dumped("a", {**cache, **brand_rows(b"One"), (1, 0): row(0x506E3)})
    other = dumped("b", {(4, 0): row(), **brand_rows(b"Other"), (1, 0): row(0x506E3)})
    answer = compare_side_by_side([one, other])
    assert texts(answer, "CPU", "brand") == ["One", "Other"]
    assert texts(answer, "caches and TLBs", "L1 data") == [
        "32 KiB, 8-way, lines of 64 bytes, for up to 2 threads",
        "none",
    ]
    assert "model" not in [name for row in rows_of(answer, "CPU") for name in row.names]


def test_kinds_of_cores_are_compared_each_with_its_own() -> None:
    def hybrid(name: str, small_kib: int) -> Party:
        cpus = []
        for number, (core, kib) in enumerate(((0x40, 48), (0x20, small_kib))):
            rows: Rows = {**apic_rows(2 * number), (7, 0): row(edx=1 << 15), (0x1A, 0): row(core << 24)}
            rows |= {(4, 0): row(0x4121, 0x01C0003F, kib * 2 - 1), (4, 1): row()}
            cpus.append(cpu(rows, number=number))
        return Party(name, Basis.CPUID, cpus=tuple(cpus))

    answer = compare_side_by_side([hybrid("a", 32), hybrid("b", 64)])
    (only,) = rows_of(answer, "caches and TLBs")
    assert only.names == ("L1 data of efficiency cores",)
    assert [cell.text.split(",")[0] for cell in only.cells] == ["32 KiB", "64 KiB"]


def test_what_libvirt_has_no_name_for_is_the_cpus_own() -> None:
    answer = compare_side_by_side(
        [dumped("a", {(7, 0): row(ebx=1 << 2), (0x12, 0): row(1 << 5)}), dumped("b", {})]
    )
    (section,) = (one for one in answer.sections if one.subject == "features without a name in libvirt")
    assert section.of == OF_CPU
    assert section.rows == (Row(("enclv",), (Cell(has=True), Cell(has=False))),)


def test_a_feature_of_another_vendor_is_lacked() -> None:
    amd = dumped("b", {(0x80000008, 0): row(ebx=1 << 4)}, letters=AUTHENTIC_AMD)
    answer = compare_side_by_side([dumped("a", {(0x80000008, 0): row(ebx=1 << 4)}), amd])
    (found,) = (row for row in rows_of(answer, "features without a name in libvirt") if "rdpru" in row.names)
    assert [cell.has for cell in found.cells] == [False, True]


def test_what_follows_the_system_is_no_difference() -> None:
    """OSXSAVE and OSPKE are what the system has switched on."""
    on: Rows = {(1, 0): row(0x506E3, 0, HYPERVISOR | 1 << 27), (7, 0): row(ecx=1 << 4)}
    off: Rows = {(1, 0): row(0x506E3, 0, HYPERVISOR), (7, 0): row()}
    answer = compare_side_by_side([dumped("a", on), dumped("b", off)])
    assert [section for section in answer.sections if section.rows] == []


def test_what_is_on_the_hosts() -> None:
    answer = compare_side_by_side([party(path) for path in CLUSTER[:3]])
    (section,) = (one for one in answer.sections if one.of == OF_HOST)
    assert isinstance(section, Section)
    assert [row.names for row in section.rows] == [("microcode",)]
    assert section.equal == 5


def test_names_that_the_common_map_lacks() -> None:
    """The second host's libvirt knows a feature by name that the first's does not."""
    entry = "<feature name='newer'><cpuid eax_in='0x07' ecx_in='0x01' edx='0x08'/></feature></cpus>"
    newer = cpu_map(features=MAP_FEATURES.replace("</cpus>", entry))
    old = host("old", libvirt=libvirt(SKYLAKE, map_=cpu_map()))
    new = host("new", libvirt=libvirt(f"{SKYLAKE}<feature policy='require' name='newer'/>", map_=newer))
    answer = compare_side_by_side([old, new])
    (found,) = rows_of(answer, OTHER)
    assert found == Row(("newer",), (Cell(has=False, layer=Layer.LIBVIRT), Cell(has=True)))


def test_domain_capabilities_alone_tell_no_cpuid() -> None:
    (alone,) = read_parties(domain_capabilities("<model>Haswell</model>")["xml"].encode(), "caps.xml")
    answer = compare_side_by_side([alone, replace(alone, name="other")])
    assert not [section for section in answer.sections if section.of == OF_CPU]
    assert answer.compatibility is Compatibility.COMPATIBLE


@pytest.mark.parametrize("count", [0, 1, MOST_HOSTS + 1])
def test_too_few_and_too_many_are_told(count: int) -> None:
    with pytest.raises(UsageError, match="hosts"):
        compare_side_by_side([party(DUMPS[0])] * count)


def test_a_guest_is_no_host() -> None:
    (guest,) = read_parties(b"<cpu mode='custom'><model>Haswell</model></cpu>", "guest")
    with pytest.raises(UsageError, match="each is to be a host"):
        compare_side_by_side([party(DUMPS[0]), guest])


def test_long_names_are_numbered_in_the_text() -> None:
    names = ["a-name-that-takes-the-room-of-two-columns.txt", "another-that-takes-as-much-room.txt"]
    answer = compare_side_by_side([dumped(names[0], {(7, 0): row(ebx=1 << 5)}), dumped(names[1], {(7, 0): row()})])
    text = render_side_by_side(answer).plain()
    assert f"[1] {names[0]}" in text
    assert "    [1]  [2]" in text
    assert text.count(names[1]) == 2  # and at what it rests on


class TestKindsOfFeatures:
    FEATURES = tuple(Atlas.load().features())

    def test_every_row_and_every_name_of_the_table_has_a_feature(self) -> None:
        rows = load_table("feature_kinds", str(ROOT / "src/vcpuid/answers/tables"))
        found = {kind_of_feature([feature]) for feature in self.FEATURES}
        assert found == set(feature_kinds())
        for one in rows:
            for name in one["names"].split():
                assert any(fnmatchcase(feature.name, name) for feature in self.FEATURES), name

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("sgx", "SGX enclaves"),
            ("sgx2", "SGX enclaves"),
            ("mds-no", "speculation and side channels"),
            ("vmx-ept", "nested virtualization"),
            ("avx512f", "vectors and matrices"),
            ("aes", "cryptography and random numbers"),
            ("smep", "memory protection"),
            ("invtsc", "time and power"),
            ("movbe", OTHER),
        ],
    )
    def test_a_feature_is_of_the_kind_that_people_look_under(self, name: str, kind: str) -> None:
        assert kind_of_feature(feature for feature in self.FEATURES if feature.name == name) == kind

    def test_what_nobody_knows_is_among_the_others(self) -> None:
        assert kind_of_feature([]) == OTHER


def test_a_cpu_of_no_cpus_is_not_told() -> None:
    """A dump without rows tells nothing, and nothing breaks."""
    empty = Party("empty", Basis.CPUID, cpus=(Cpu(0, {}),))
    answer = compare_side_by_side([empty, replace(empty, name="other")])
    assert not [section for section in answer.sections if section.rows]
