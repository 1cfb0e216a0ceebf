"""The contract that scripts rely on: exit statuses, streams, formats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from snapshots import (
    VIRTUAL,
    Data,
    cpu_map,
    cpuid,
    domain_xml,
    domains,
    kvm,
    libvirt,
    monitor,
    processes,
    qmp,
    row,
    rows,
    whole_host,
    write_snapshot,
)
from streams import feed
from unit.cli.conftest import Run
from vcpuid import __version__, cli
from vcpuid.cli import run
from vcpuid.dumps import write_dump
from vcpuid.terms.dump import Cpu, Dump, MissingRow

AVX2 = 1 << 5
CAN_GIVE = {
    "cpuid": cpuid(rows(_7_0=row(ebx=AVX2))),
    "kvm": kvm(rows(_7_0=row(ebx=AVX2))),
    "qmp": qmp(expansions={"host": {"avx2": True}}),
    "libvirt": libvirt("<model>Skylake</model>", map_=cpu_map()),
}


@pytest.fixture
def host(tmp_path: Path) -> Path:
    return write_snapshot(tmp_path / "host.json", **CAN_GIVE)


def with_domain(tmp_path: Path, cpu: str, **sources: Data) -> Path:
    xml = domain_xml(cpu)
    return write_snapshot(tmp_path / "domain.json", **{**CAN_GIVE, "domains": domains(inactive=xml), **sources})


# Exit statuses ---------------------------------------------------------------------------------------


def test_yes_is_0(vcpuid: Run, host: Path) -> None:
    status, out, err = vcpuid("why", "avx2", "--host", host)
    assert (status, err) == (0, "")
    assert "available yes" in out


def test_no_is_1(vcpuid: Run, host: Path) -> None:
    status, out, _ = vcpuid("why", "sgx", "--host", host)
    assert status == 1
    assert "available no" in out


def test_not_asked_for_is_1_even_where_it_can_be_given(vcpuid: Run, tmp_path: Path) -> None:
    path = with_domain(tmp_path, "<cpu><feature policy='disable' name='avx2'/></cpu>")
    status, out, _ = vcpuid("why", "avx2", "--host", path, "--domain", "web-1")
    assert status == 1
    assert "asked no   available yes   got no (predicted)" in out


def test_undecided_is_4(vcpuid: Run, tmp_path: Path) -> None:
    status, out, _ = vcpuid("why", "avx2", "--host", write_snapshot(tmp_path / "empty.json"))
    assert status == 4
    assert "Undecided" in out


@pytest.mark.parametrize(
    ("features", "status"), [(["avx2", "sgx"], 1), (["sgx", "avx2"], 1), (["avx2", "aperfmperf", "avx2"], 1)]
)
def test_of_several_the_worst_counts(vcpuid: Run, host: Path, features: list[str], status: int) -> None:
    assert vcpuid("why", *features, "--host", host)[0] == status


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["explain", "sqx"], "Near names: "),
        (["explain", "7.0.ebx.99"], "has bits 0 to 31"),
        (["explain", "stibp"], "--vendor"),
        (["explain"], "Missing argument"),
        (["explain", "sgx", "--format", "yaml"], "yaml"),
        (["nonsense"], "No such command"),
        (["--nonsense"], "No such option"),
        (["map", "entry", "pmu"], "no entry of this kind"),
        (["map", "entry", "nonsense-name"], "no feature of this name"),
        (["why", "sgx", "--domain", "a", "--pid", "1"], "more than one guest"),
        (["why", "sgx", "--pid", "x"], "not a valid integer"),
        (["why", "sgx", "--virsh", "'open"], "--virsh"),
        (["why", "sgx", "--timeout", "0"], "0"),
        (["collect", "--only", "nonsense"], "no source of this name"),
    ],
)
def test_a_wrong_question_is_2(vcpuid: Run, arguments: list[str], word: str) -> None:
    status, out, err = vcpuid(*arguments)
    assert (status, out) == (2, "")
    assert word in err


def test_an_unknown_feature_is_2_also_with_a_host(vcpuid: Run, host: Path) -> None:
    assert vcpuid("why", "sqx", "--host", host)[0] == 2


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (None, "No such file"),
        ("", "empty"),
        ("{", "truncated"),
        ("<domain/>", "not JSON"),
        ("{}", "not a snapshot"),
    ],
)
def test_a_host_that_cannot_be_read_is_3(vcpuid: Run, tmp_path: Path, text: str | None, word: str) -> None:
    path = tmp_path / "host.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    status, out, err = vcpuid("why", "sgx", "--host", path)
    assert (status, out) == (3, "")
    assert err.startswith(f"vcpuid: {path}")
    assert word in err


def test_a_damaged_map_decides_its_own_hop_alone(vcpuid: Run, tmp_path: Path) -> None:
    host = write_snapshot(
        tmp_path / "host.json", **{**CAN_GIVE, "libvirt": libvirt(map_=cpu_map("<cpus><feature"))}
    )
    status, out, err = vcpuid("why", "avx2", "--host", host)
    assert (status, err) == (0, "")
    assert "libvirt   ?   /usr/share/libvirt/cpu_map/x86_features.xml:1: not well-formed XML" in out
    status, out, err = vcpuid("map", "show", "avx2", "--host", host)
    assert (status, out) == (3, "")
    assert "`vcpuid map lint /usr/share/libvirt/cpu_map` names every fault" in err


def test_of_a_map_without_an_index_the_folder_is_named(vcpuid: Run, tmp_path: Path) -> None:
    empty = libvirt(map_={"directory": "/usr/share/libvirt/cpu_map", "files": {}})
    host = write_snapshot(tmp_path / "host.json", libvirt=empty)
    _, out, _ = vcpuid("why", "avx2", "--host", host)
    assert "/usr/share/libvirt/cpu_map: not a CPU map of libvirt: found nothing" in out
    assert "Mend: `vcpuid map lint /usr/share/libvirt/cpu_map` names every fault." in out


def test_a_damaged_map_here_decides_its_own_hop_alone(vcpuid: Run, tmp_path: Path) -> None:
    (tmp_path / "index.xml").mkdir()
    status, out, err = vcpuid("why", "avx2", "--map", tmp_path, "--no-domcapabilities")
    assert (status in (0, 1, 4), err) == (True, "")
    assert f"libvirt   ?   {tmp_path}/index.xml: not a regular file" in out.replace("\n", "")


@pytest.mark.parametrize("command", [("why", "avx2"), ("collect", "-o", "host.json"), ("sgx", "doctor")])
def test_a_map_that_is_not_there_is_3(
    vcpuid: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = vcpuid(*command, "--map", "nowhere")
    assert (status, out) == (3, "")
    assert err.startswith("vcpuid: nowhere: cannot be read: No such file or directory\n  Name the folder that has")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "option", [("--domain", "web-2"), ("--pid", "1"), ("--xml", "absent.xml"), ("--inside", "absent.json")]
)
def test_a_guest_that_is_not_there_is_3(vcpuid: Run, tmp_path: Path, option: tuple[str, str]) -> None:
    path = write_snapshot(tmp_path / "host.json", **whole_host())
    status, out, err = vcpuid("why", "sgx", "--host", path, *option)
    assert (status, out) == (3, "")
    assert option[1] in err or "process 1" in err


def test_a_nova_conf_that_is_not_there_is_3(vcpuid: Run, host: Path, tmp_path: Path) -> None:
    status, out, err = vcpuid("why", "sgx", "--host", host, "--nova-conf", tmp_path / "absent.conf")
    assert (status, out) == (3, "")
    assert "absent.conf" in err


def test_a_bug_is_70_without_a_traceback(vcpuid: Run, host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("vcpuid.cli.why.why", broken)
    status, out, err = vcpuid("why", "sgx", "--host", host)
    assert (status, out) == (70, "")
    assert "this is a bug of vcpuid: ZeroDivisionError: oops" in err


def test_a_bug_shows_its_place_on_demand(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VCPUID_DEBUG", "1")
    monkeypatch.setattr("vcpuid.cli.why.why", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(["why", "sgx", "--host", str(host)])


def test_an_interruption_is_130(vcpuid: Run, host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vcpuid.cli.why.why", interrupted)
    assert vcpuid("why", "sgx", "--host", host)[0] == 130


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["why", "--help"], ["map", "entry", "--help"], ["--version"]]
)
def test_help_is_0(vcpuid: Run, arguments: list[str]) -> None:
    status, out, err = vcpuid(*arguments)
    assert (status, err) == (0, "")
    assert out


def test_the_version(vcpuid: Run) -> None:
    assert vcpuid("--version")[1] == f"vcpuid {__version__}\n"


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_each_command_has_help_and_a_line_in_the_overview(vcpuid: Run, name: str) -> None:
    assert f"  {name} " in vcpuid("--help")[1]
    status, out, _ = vcpuid(name, "--help")
    assert status == 0
    assert "Usage: vcpuid " + name in out


# Guests ----------------------------------------------------------------------------------------------


def test_a_guest_from_an_xml_file(vcpuid: Run, host: Path, tmp_path: Path) -> None:
    path = tmp_path / "web-1.xml"
    path.write_text(domain_xml("<cpu>\n<feature policy='require' name='avx2'/></cpu>"), encoding="utf-8")
    status, out, _ = vcpuid("why", "avx2", "--host", host, "--xml", path)
    assert status == 0
    assert f"{path}:2 policy require" in out


def test_a_guest_from_standard_input(vcpuid: Run, host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = domain_xml("<cpu mode='host-passthrough'/>").encode()
    feed(monkeypatch, raw)
    status, out, _ = vcpuid("why", "avx2", "--host", host, "--xml", "-")
    assert status == 0
    assert "XML standard input" in out


@pytest.mark.parametrize(
    ("text", "asked"),
    [("host", "yes"), ("Skylake,-avx2", "no"), ("Skylake,+avx2", "yes"), ("Skylake", "?")],
)
def test_a_guest_from_a_cpu_string(vcpuid: Run, host: Path, text: str, asked: str) -> None:
    assert f"asked {asked} " in vcpuid("why", "avx2", "--host", host, "--cpu", text)[1]


@pytest.mark.parametrize("text", ["", "-cpu host", "host,sgx=1", "host,+spec_ctrl"])
def test_a_cpu_string_that_qemu_refuses_is_2(vcpuid: Run, host: Path, text: str) -> None:
    status, out, err = vcpuid("why", "avx2", "--host", host, "--cpu", text)
    assert (status, out) == (2, "")
    assert "--cpu" in err


def test_a_guest_from_a_nova_conf(vcpuid: Run, host: Path, tmp_path: Path) -> None:
    path = tmp_path / "nova.conf"
    path.write_text("[libvirt]\ncpu_mode = host-model\ncpu_model_extra_flags = -AVX2\n", encoding="utf-8")
    status, out, _ = vcpuid("why", "avx2", "--host", host, "--nova-conf", path)
    assert status == 1
    assert f"{path}:3" in out


def test_a_dump_from_inside_is_the_truth(vcpuid: Run, host: Path, tmp_path: Path) -> None:
    inside = write_snapshot(tmp_path / "guest.json", cpuid=cpuid(rows(_1_0=VIRTUAL, _7_0=row())))
    status, out, _ = vcpuid("why", "avx2", "--host", host, "--cpu", "host", "--inside", inside)
    assert status == 1
    assert "got no" in out


def test_a_plain_dump_from_inside_is_the_truth_too(vcpuid: Run, host: Path, tmp_path: Path) -> None:
    inside = tmp_path / "guest.json"
    guest = Cpu(
        0, {(0, 0): (7, 0, 0, 0), (1, 0): (0, 0, 1 << 31, 0), (7, 0): (0, AVX2, 0, 0)}, missing=MissingRow.ZERO
    )
    inside.write_text(write_dump(Dump((guest,), "probe"), "json"), encoding="utf-8")
    status, out, _ = vcpuid("why", "avx2", "sgx", "--host", host, "--cpu", "host", "--inside", inside)
    assert status == 1
    assert "got yes" in out
    assert "got no" in out


def test_a_snapshot_of_no_guest_is_refused(vcpuid: Run, host: Path, tmp_path: Path) -> None:
    inside = write_snapshot(tmp_path / "guest.json", cpuid=cpuid(rows(_1_0=row(), _7_0=row(ebx=1 << 5))))
    status, _, err = vcpuid("why", "avx2", "--host", host, "--cpu", "host", "--inside", inside)
    assert status == 3
    assert "of no guest" in err


def test_a_dump_from_inside_without_cpuid_is_3(vcpuid: Run, host: Path, tmp_path: Path) -> None:
    inside = write_snapshot(tmp_path / "guest.json")
    status, _, err = vcpuid("why", "avx2", "--host", host, "--inside", inside)
    assert status == 3
    assert "a snapshot without CPUID" in err


def test_a_process(vcpuid: Run, tmp_path: Path) -> None:
    path = write_snapshot(
        tmp_path / "host.json",
        **CAN_GIVE,
        processes=processes("-accel", "kvm", "-cpu", "host"),
        monitor=monitor({"avx2": True}),
    )
    status, out, _ = vcpuid("why", "avx2", "--host", path, "--pid", "4711")
    assert status == 0
    assert "The guest has avx2." in out


# Formats ---------------------------------------------------------------------------------------------


def test_why_as_json(vcpuid: Run, host: Path) -> None:
    status, out, _ = vcpuid("why", "avx2", "--host", host, "--format", "json")
    document = json.loads(out)
    assert (status, document["schema"], document["host"]) == (0, "vcpuid-why/1", "h07")


def test_explain_as_json(vcpuid: Run) -> None:
    document = json.loads(vcpuid("explain", "sgx", "7.0.ebx=4", "--format=json")[1])
    assert document["schema"] == "vcpuid-explain/1"
    assert len(document["answers"]) == 2


@pytest.mark.parametrize("form", [("--format", "json"), ("--format=json",)])
def test_an_error_as_json(vcpuid: Run, form: tuple[str, ...]) -> None:
    status, out, err = vcpuid("explain", "sqx", *form)
    document = json.loads(out)
    assert (status, document["schema"], document["exit_status"]) == (2, "vcpuid-error/1", 2)
    assert err.startswith("vcpuid: ")


def test_verbose_shows_the_evidence(vcpuid: Run, host: Path) -> None:
    assert "rule kvm.supported (observed)" in vcpuid("why", "avx2", "-v", "--host", host)[1]


def test_a_map_entry(vcpuid: Run) -> None:
    status, out, _ = vcpuid("map", "entry", "sgx", "sgxlc")
    assert status == 0
    assert out.count("<feature name=") == 2


@pytest.mark.parametrize("name", ["stibp", "ssbd", "ibrs", "ibpb"])
def test_a_map_entry_by_libvirts_own_name_is_never_ambiguous(vcpuid: Run, name: str) -> None:
    status, out, err = vcpuid("map", "entry", name)
    assert (status, err) == (0, "")
    assert f"<feature name='{name}'>" in out


def test_a_map_entry_of_no_use_is_written_and_doubted(vcpuid: Run) -> None:
    status, out, err = vcpuid("map", "entry", "kvm-pv-eoi", "sgx", "e_fpu")
    assert (status, out.count("<feature name=")) == (0, 3)
    assert [line.split(": ")[1] for line in err.splitlines()] == ["kvm-pv-eoi", "e_fpu"]


def test_a_strangers_name_cannot_steer_the_terminal(vcpuid: Run, tmp_path: Path) -> None:
    data = domains(inactive=domain_xml(""))
    data["domains"][0]["name"] = "\x1b[2Jweb"
    path = write_snapshot(tmp_path / "host.json", domains=data)
    status, _, err = vcpuid("why", "sgx", "--host", path, "--domain", "web-2")
    assert status == 3
    assert "\\x1b[2Jweb" in err


def write_nova(folder: Path) -> tuple[Path, Path]:
    conf, flavor = folder / "nova.conf", folder / "m1.json"
    conf.write_text("[libvirt]\ncpu_mode = custom\ncpu_models = qemu64, skylake\n", encoding="utf-8")
    specs = {"trait:HW_CPU_X86_AVX2": "required"}
    flavor.write_text(json.dumps({"name": "m1", "vcpus": 1, "ram": 64, "properties": specs}), encoding="utf-8")
    return conf, flavor


def test_a_flavor_chooses_the_model(vcpuid: Run, tmp_path: Path) -> None:
    conf, flavor = write_nova(tmp_path)
    image = tmp_path / "image.json"
    image.write_text('{"name": "debian", "properties": {"hw_cpu_cores": "1"}}', encoding="utf-8")
    host = write_snapshot(tmp_path / "h.json", libvirt=libvirt("<model>Skylake</model>", map_=cpu_map()))
    _, out, _ = vcpuid("why", "avx2", "--host", str(host), "--nova-conf", str(conf))
    assert "asked no" in out
    arguments = ("--flavor", str(flavor), "--image", str(image), "-v")
    _, out, _ = vcpuid("why", "avx2", "--host", str(host), "--nova-conf", str(conf), *arguments)
    assert "asked yes" in out
    assert "predicted by the rules of Nova 34" in out
    assert "flavor m1, image debian" in " ".join(out.split())


def test_files_of_nova_are_read_in_their_order(vcpuid: Run, host: Path, tmp_path: Path) -> None:
    folder = tmp_path / "conf.d"
    folder.mkdir()
    (folder / "20.conf").write_text("[libvirt]\ncpu_mode = host-passthrough\n", encoding="utf-8")
    (folder / "10.conf").write_text("[libvirt]\ncpu_mode = none\n", encoding="utf-8")
    _, out, _ = vcpuid("why", "avx2", "--host", str(host), "--nova-conf", str(folder))
    assert "mode host-passthrough" in out
    names = [argument for name in ("20.conf", "10.conf") for argument in ("--nova-conf", str(folder / name))]
    _, out, _ = vcpuid("why", "avx2", "--host", str(host), *names)
    assert "cpu_mode none asks for no CPU" in out


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"cpu_mode = none\n", "it has no [section]"),
        (b"\xff\xfe[", "not UTF-8"),
        (b"[libvirt]\n" * 10**6, "too large"),
    ],
)
def test_what_is_no_nova_conf_is_3(vcpuid: Run, host: Path, tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "nova.conf"
    path.write_bytes(content)
    status, _, err = vcpuid("why", "sgx", "--host", str(host), "--nova-conf", str(path))
    assert status == 3
    assert word in err


def test_a_folder_without_configuration_is_3(vcpuid: Run, host: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    status, _, err = vcpuid("why", "sgx", "--host", str(host), "--nova-conf", str(tmp_path / "empty"))
    assert status == 3
    assert "no *.conf in it" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["wyh"], "No such command 'wyh'. Did you mean why?"),
        (["fleet", "which-host"], "No such command 'which-host'. Did you mean which-hosts?"),
        (["nonsense"], "No such command 'nonsense'.\n"),
        (["--nonsense"], "No such option '--nonsense'."),
    ],
)
def test_a_command_that_there_is_not_is_2_and_near_ones_are_named(
    vcpuid: Run, words: list[str], told: str
) -> None:
    status, out, err = vcpuid(*words)
    assert (status, out) == (2, "")
    assert told in err


def test_of_files_that_cannot_be_linted_nothing_is_said_to_be_in_order(vcpuid: Run, tmp_path: Path) -> None:
    (tmp_path / "vm.yaml").write_text("kind: VirtualMachine\n", encoding="utf-8")
    status, out, err = vcpuid("lint", tmp_path / "vm.yaml")
    assert (status, out) == (3, "")
    assert "no kind of file that can be linted" in err
