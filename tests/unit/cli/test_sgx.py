"""`vcpuid sgx`, run as people run it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas import check_document
from sgx_hosts import CHANGES, sgx_document
from snapshots import document
from vcpuid.cli import run

STATUS = {name: 0 if name in ("ready", "tdx", "unprivileged") else 1 for name in CHANGES}


@pytest.fixture
def host(tmp_path: Path) -> Path:
    path = tmp_path / "ready.json"
    path.write_text(json.dumps(sgx_document("ready")))
    return path


@pytest.mark.parametrize("name", CHANGES)
def test_the_doctors_document_and_status(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "host.json"
    path.write_text(json.dumps(sgx_document(name)))
    assert run(["sgx", "doctor", "--host", str(path), "--format", "json"]) == STATUS[name]
    answer = json.loads(capsys.readouterr().out)
    check_document("sgx-doctor", answer)
    assert answer["ready"] is (STATUS[name] == 0)


def test_a_host_of_which_nothing_is_known_is_undecided(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "host.json"
    path.write_text(json.dumps(document()))
    assert run(["sgx", "doctor", "--host", str(path)]) == 4
    assert "undecided" in capsys.readouterr().out
    assert run(["sgx", "doctor", "--host", str(path), "--format", "json"]) == 4
    check_document("sgx-doctor", json.loads(capsys.readouterr().out))
    assert run(["sgx", "plan", "--host", str(path), "--guest", "64M"]) == 4
    assert "nobody told" in capsys.readouterr().err


def test_this_machine_is_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sgx", "doctor", "--no-domcapabilities", "-v"]) in (0, 1, 4)
    assert "launch-control" in capsys.readouterr().out


@pytest.mark.parametrize(("guest", "status"), [("64Mx4", 0), ("64Mx5", 1)])
def test_the_plans_document_and_status(
    guest: str, status: int, host: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sgx", "plan", "--host", str(host), "--guest", guest, "--format", "json"]) == status
    answer = json.loads(capsys.readouterr().out)
    check_document("sgx-plan", answer)
    assert answer["fits"] is (status == 0)
    assert {file["for"] for file in answer["files"]} == {"libvirt", "qemu", "nova"}


def test_files_are_written_and_not_written_over(
    host: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "plan" / "new"
    arguments = ["sgx", "plan", "--host", str(host), "--guest", "64M", "-o", str(folder)]
    assert run(arguments) == 0
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["nova.conf", "openstack.sh", "provider.yaml", "sgx-64M-node1.args", "sgx-64M-node1.xml"]
    (folder / "nova.conf").write_text("mine")
    (folder / "provider.yaml").unlink()
    capsys.readouterr()
    assert run(arguments) == 2
    assert "files are there already" in capsys.readouterr().err
    assert (folder / "nova.conf").read_text() == "mine"
    assert not (folder / "provider.yaml").exists()
    assert run([*arguments, "--force"]) == 0
    assert (folder / "nova.conf").read_text().startswith("[libvirt]")


def test_a_folder_that_cannot_be_made(host: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sgx", "plan", "--host", str(host), "--guest", "2M", "-o", f"{host}/x"]) == 3
    assert "the folder cannot be made" in capsys.readouterr().err


def test_one_targets_files_are_printed(host: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["sgx", "plan", "--host", str(host), "--guest", "64M", "--for"]
    assert run([*arguments, "libvirt"]) == 0
    assert capsys.readouterr().out.startswith("<domain type='kvm'>")
    assert run([*arguments, "nova"]) == 0
    assert capsys.readouterr().out.startswith("# nova.conf\n[libvirt]\n")


def test_what_nova_plans_is_of_one_node(host: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["sgx", "plan", "--host", str(host), "--guest", "200M"]
    assert run(arguments) == 0
    assert run([*arguments, "--for", "nova", "--format", "json"]) == 1
    assert "no node has 200 MiB left" in capsys.readouterr().out
    assert run([*arguments, "--for", "nova"]) == 1
    assert "no node has 200 MiB left" in capsys.readouterr().err


def test_flavors(host: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "flavors.json"
    flavors = [{"Name": "enc", "RAM": 512, "VCPUs": 1, "Properties": {"resources:CUSTOM_SGX_EPC_MB": "64"}}]
    path.write_text(json.dumps(flavors))
    arguments = ["sgx", "plan", "--host", str(host), "--flavors", str(path)]
    assert run([*arguments, "--for", "libvirt"]) == 0
    assert "<vcpu>1</vcpu>" in capsys.readouterr().out
    assert run([*arguments, "--for", "nova"]) == 0
    assert "openstack flavor set --property trait:HW_CPU_X86_SGX=required enc\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "nobody to plan for"),
        (["--guest", "64"], 2, "no size of enclave memory"),
        (["--guest", "64M", "--guest", "64M"], 2, "two kinds of guests of one name"),
        (["--guest", "64M", "--reserve", "lots"], 2, "--reserve: no size"),
        (["--flavors", "/nonexistent"], 3, "cannot be read"),
    ],
)
def test_faults(
    arguments: list[str], status: int, message: str, host: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sgx", "plan", "--host", str(host), *arguments]) == status
    assert message in capsys.readouterr().err


def test_guests_that_make_quotes_have_the_provisioning_key(host: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["sgx", "plan", "--host", str(host), "--guest", "64M", "--for", "qemu"]
    told = []
    for more in ([], ["--provisionkey"]):
        assert run([*arguments, *more]) == 0
        told.append("sgx-provisionkey" in capsys.readouterr().out)
    assert told == [False, True]
