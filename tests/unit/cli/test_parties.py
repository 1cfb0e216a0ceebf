"""`compare` and `baseline` as people call them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas import check_document
from snapshots import cpu_map, domain_xml, domains, libvirt, write_snapshot
from unit.cli.conftest import Run

SKYLAKE = "<model>Skylake</model><vendor>Intel</vendor>"
SGX = "<feature policy='require' name='sgx'/>"


@pytest.fixture
def poor(tmp_path: Path) -> Path:
    xml = domain_xml(f"<cpu mode='custom'>{SKYLAKE}{SGX}</cpu>")
    return write_snapshot(
        tmp_path / "poor.json", libvirt=libvirt(SKYLAKE, map_=cpu_map()), domains=domains(inactive=xml)
    )


@pytest.fixture
def rich(tmp_path: Path) -> Path:
    return write_snapshot(tmp_path / "rich.json", libvirt=libvirt(SKYLAKE + SGX, map_=cpu_map()))


def validate(name: str, text: str) -> dict[str, object]:
    document: dict[str, object] = json.loads(text)
    check_document(name, document)
    return document


class TestCompare:
    def test_equal_hosts_are_0(self, vcpuid: Run, poor: Path) -> None:
        status, out, _ = vcpuid("compare", poor, poor)
        assert status == 0
        assert out.count("CPU compatible") == 2

    def test_a_one_way_street_is_1(self, vcpuid: Run, poor: Path, rich: Path) -> None:
        status, out, _ = vcpuid("compare", poor, rich)
        assert status == 1
        assert "it lacks sgx" in out

    def test_cpuid_alone_is_4(self, vcpuid: Run, tmp_path: Path) -> None:
        dump = tmp_path / "dump.txt"
        row = "eax={:#010x} ebx=0x756e6547 ecx=0x6c65746e edx=0x49656e69"
        dump.write_text(
            f"CPU 0:\n   0x00000000 0x00: {row.format(1)}\n   0x00000001 0x00: {row.format(0x506E3)}\n"
        )
        status, out, _ = vcpuid("compare", dump, dump)
        assert status == 4
        assert "CPU unknown" in out

    def test_a_domain_of_the_first(self, vcpuid: Run, poor: Path, rich: Path) -> None:
        assert vcpuid("compare", poor, rich, "--domain", "web-1")[0] == 0
        assert vcpuid("compare", rich, poor)[0] == 1

    def test_a_domain_needs_a_snapshot(self, vcpuid: Run, tmp_path: Path, poor: Path) -> None:
        cpu = tmp_path / "cpu.xml"
        cpu.write_text(f"<cpu>{SKYLAKE}</cpu>")
        status, _, err = vcpuid("compare", cpu, poor, "--domain", "web-1")
        assert status == 2
        assert "a domain needs a snapshot of its host" in err

    def test_standard_input_once(self, vcpuid: Run) -> None:
        assert vcpuid("compare", "-", "-")[0] == 2

    def test_json(self, vcpuid: Run, poor: Path, rich: Path) -> None:
        document = validate("compare", vcpuid("compare", poor, rich, "--format", "json")[1])
        assert document["compatibility"] == "incompatible"
        validate("compare", vcpuid("compare", poor, rich, "--domain", "web-1", "--format", "json")[1])

    def test_several_hosts_stand_side_by_side(self, vcpuid: Run, poor: Path, rich: Path) -> None:
        status, out, _ = vcpuid("compare", poor, rich, poor)
        assert status == 1
        (line,) = (line for line in out.splitlines() if line.endswith(" sgx"))
        assert [word for word in line.split() if word in ("yes", "no")] == ["no", "yes", "no"]
        validate("compare-hosts", vcpuid("compare", poor, rich, poor, "--format", "json")[1])
        assert vcpuid("compare", poor, poor, poor)[0] == 0

    def test_several_hosts_and_a_guest_are_too_many(
        self, vcpuid: Run, tmp_path: Path, poor: Path, rich: Path
    ) -> None:
        cpu = tmp_path / "cpu.xml"
        cpu.write_text(f"<cpu>{SKYLAKE}</cpu>")
        for arguments in (
            (cpu, poor, rich),
            (poor, rich, rich, "--domain", "web-1"),
            (poor,) * 9,
            (poor, "-", "-"),
        ):
            status, out, err = vcpuid("compare", *arguments)
            assert (status, out) == (2, ""), err

    @pytest.mark.parametrize(
        ("text", "status", "word"),
        [
            ("", 3, "empty"),
            ("<html/>", 3, "no CPU in this XML"),
            ("hello", 3, "no known form"),
            (f"<cpu mode='custom'>{SKYLAKE}</cpu>", 2, "the second is to be a host"),
        ],
    )
    def test_what_is_no_host(
        self, vcpuid: Run, tmp_path: Path, poor: Path, text: str, status: int, word: str
    ) -> None:
        path = tmp_path / "other"
        path.write_text(text)
        found, out, err = vcpuid("compare", poor, path)
        assert (found, out) == (status, "")
        assert word in err


class TestBaseline:
    def test_the_common_cpu(self, vcpuid: Run, poor: Path, rich: Path) -> None:
        status, out, _ = vcpuid("baseline", poor, rich)
        assert status == 0
        assert "<model fallback='forbid'>Skylake</model>" in out
        assert "not migration-safe" not in out

    def test_only_the_definition(self, vcpuid: Run, tmp_path: Path, poor: Path, rich: Path) -> None:
        status, out, err = vcpuid("baseline", poor, rich, "--for", "libvirt")
        assert (status, err) == (0, "")
        assert out.startswith("<cpu ")
        cpu = tmp_path / "cpu.xml"
        cpu.write_text(out)
        assert vcpuid("compare", cpu, poor)[0] == vcpuid("compare", cpu, rich)[0] == 0

    def test_none_is_1(self, vcpuid: Run, tmp_path: Path, poor: Path) -> None:
        amd = write_snapshot(
            tmp_path / "amd.json", libvirt=libvirt(SKYLAKE.replace("Intel", "AMD"), map_=cpu_map())
        )
        status, out, _ = vcpuid("baseline", poor, amd)
        assert status == 1
        assert "no common CPU: the hosts' CPUs are of several vendors" in out
        status, out, err = vcpuid("baseline", poor, amd, "--for", "libvirt")
        assert (status, out) == (1, "")
        assert "several vendors" in err

    def test_json(self, vcpuid: Run, poor: Path, rich: Path) -> None:
        document = validate("baseline", vcpuid("baseline", poor, rich, "--format", "json")[1])
        assert document["is_migration_safe"] is True

    def test_another_map(self, vcpuid: Run, tmp_path: Path, poor: Path) -> None:
        assert vcpuid("baseline", poor, "--map", tmp_path)[0] == 3

    def test_no_host_is_a_wrong_question(self, vcpuid: Run) -> None:
        assert vcpuid("baseline")[0] == 2

    def test_for_nova(self, vcpuid: Run, tmp_path: Path, poor: Path, rich: Path) -> None:
        status, out, err = vcpuid("baseline", poor, rich, "--for", "nova")
        assert status == 0
        assert "[libvirt]\ncpu_mode = custom\ncpu_models = Skylake\n" in out
        assert "nova cannot say" in err
        flavors = tmp_path / "flavors.json"
        flavors.write_text('[{"Name": "f", "VCPUs": 1, "RAM": 1, "Properties": {"trait:CUSTOM_A": "required"}}]')
        status, out, _ = vcpuid("baseline", poor, "--for", "nova", "--placement", flavors)
        assert (status, "flavor f: " in out) == (0, True)
        traits = tmp_path / "traits.json"
        traits.write_text('[{"name": "CUSTOM_B"}]')
        arguments = ("baseline", poor, "--for", "nova", "--placement", flavors, "--placement", traits)
        status, out, _ = vcpuid(*arguments)
        assert (status, "# error: no host can serve the flavor f" in out) == (1, True)
        document = validate("baseline-nova", vcpuid(*arguments, "--format", "json")[1])
        placement = document["placement"]
        assert isinstance(placement, dict)
        assert placement["is_fine"] is False

    def test_an_upper_bound_is_told_beside_a_definition(self, vcpuid: Run, rich: Path) -> None:
        dump = Path("tests/dumps/intel-coffee-lake.json")
        for dialect in ("libvirt", "qemu"):
            _, out, err = vcpuid("baseline", rich, dump, "--for", dialect)
            assert "not migration-safe: of intel-coffee-lake.json only an upper bound is known" in err
            assert "migration-safe" not in out

    def test_placement_is_for_nova(self, vcpuid: Run, tmp_path: Path, poor: Path) -> None:
        assert vcpuid("baseline", poor, "--placement", tmp_path / "f.json")[0] == 2
        assert vcpuid("baseline", poor, "--for", "nova", "--placement", tmp_path / "f.json")[0] == 3

    @pytest.mark.parametrize(
        ("dialect", "text"),
        [("qemu", "-cpu Skylake"), ("kubevirt", "model: Skylake"), ("proxmox", "cpu: Skylake")],
    )
    def test_in_another_dialect(self, vcpuid: Run, poor: Path, dialect: str, text: str) -> None:
        status, out, err = vcpuid("baseline", poor, "--for", dialect)
        assert status == 0
        assert text in out
        assert "cannot say" in err
