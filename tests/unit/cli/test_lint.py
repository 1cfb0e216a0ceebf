"""`vcpuid lint` as scripts meet it: exit statuses, streams, formats."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from domain_lint import CAPABILITIES, FOLDER, MODELS
from map_defects import TINY
from snapshots import cpu_map, libvirt, write_snapshot
from streams import feed
from unit.cli.conftest import Run


@pytest.fixture
def lint(vcpuid: Run) -> Run:
    return partial(vcpuid, "lint")


@pytest.fixture
def host(tmp_path: Path) -> Path:
    capabilities = {"virttype": "kvm", "emulator": None, "machine": None, "xml": CAPABILITIES}
    source = libvirt(map_=cpu_map(models=MODELS), domain_capabilities=[capabilities])
    return write_snapshot(tmp_path / "h07.json", libvirt=source)


@pytest.mark.parametrize(
    ("rule", "status", "strict"),
    [("mitigations", 0, 0), ("feature-of-another-vendor", 0, 1), ("topology-vcpus", 1, 1)],
)
def test_only_errors_count_but_for_strict(lint: Run, rule: str, status: int, strict: int) -> None:
    path = FOLDER / f"{rule}.xml"
    assert lint(path)[0] == status
    assert lint(path, "--strict")[0] == strict


def test_a_sound_file_is_0_and_says_what_it_was_judged_by(lint: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<cpu mode='host-model'/>")
    status, out, err = lint(path, "--map", TINY)
    assert (status, err) == (0, "")
    assert out == f"no fault found\nlinted: {path} (domain XML)\nnames by the map {TINY}\n"


def test_a_map_and_a_domain_in_one_run(lint: Run) -> None:
    status, out, _ = lint(FOLDER / "unknown-feature.xml", TINY)
    assert status == 1
    assert "(domain XML)" in " ".join(out.split())
    assert "(CPU map of libvirt)" in " ".join(out.split())


def test_standard_input(lint: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, (FOLDER / "features-without-model.xml").read_bytes())
    status, out, _ = lint("-")
    assert status == 1
    assert out.startswith("standard input:8: error: ")


def test_standard_input_serves_once(lint: Run) -> None:
    status, out, err = lint("-", "--host", "-")
    assert (status, out) == (2, "")
    assert "standard input is named twice" in err


@pytest.mark.parametrize("output_format", ["text", "json"])
def test_bad_input_is_3_and_the_others_are_still_linted(lint: Run, tmp_path: Path, output_format: str) -> None:
    empty = tmp_path / "empty.xml"
    empty.touch()
    status, out, err = lint(empty, FOLDER / "topology-vcpus.xml", "--format", output_format)
    assert status == 3
    assert f"{empty}: empty" in err
    assert "topology-vcpus" in out


def test_too_large(lint: Run, tmp_path: Path) -> None:
    path = tmp_path / "big.xml"
    path.write_bytes(b"<domain>" + b" " * (5 << 20) + b"</domain>")
    status, _, err = lint(path)
    assert status == 3
    assert "too large for libvirt XML" in err


def test_a_host_is_named_in_its_findings(lint: Run, host: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<cpu mode='host-model'><feature policy='require' name='movbe'/></cpu>")
    status, out, _ = lint(path, "--host", host, "--format", "json")
    document = json.loads(out)
    assert status == 1
    (hosts,) = document["hosts"]
    assert hosts["snapshot"] == str(host)
    assert [(finding["rule"], finding["host"]) for finding in document["findings"]] == [
        ("domain.host-lacks-feature", hosts["name"])
    ]


def test_a_host_that_is_no_snapshot_is_3(lint: Run) -> None:
    assert lint(FOLDER / "mitigations.xml", "--host", FOLDER / "mitigations.xml")[0] == 3


def test_a_map_that_is_none_is_3(lint: Run, tmp_path: Path) -> None:
    assert lint(FOLDER / "mitigations.xml", "--map", tmp_path)[0] == 3


def test_files_of_nova_are_read_together(lint: Run, tmp_path: Path) -> None:
    first, second = tmp_path / "nova.conf", tmp_path / "nova-compute.conf"
    first.write_text("[libvirt]\ncpu_models = Nehalem\n", encoding="utf-8")
    second.write_text("[libvirt]\nvirt_type = qemu\ncpu_mode = custom\n", encoding="utf-8")
    status, out, _ = lint(first)
    assert status == 1
    assert "[nova.models-without-mode]" in " ".join(out.split())
    status, out, _ = lint(first, second)
    assert status == 0
    assert "models-without-mode" not in out
    assert "nova-compute.conf" in out


def test_a_folder_of_nova(lint: Run, tmp_path: Path) -> None:
    (tmp_path / "10.conf").write_text("[libvirt]\ncpu_mode = none\n", encoding="utf-8")
    (tmp_path / "20.conf").write_text("[libvirt]\ncpu_mode = maximum\n", encoding="utf-8")
    (tmp_path / "notes").write_text("[libvirt]\nx = y\n", encoding="utf-8")
    status, out, _ = lint("--format", "json", tmp_path)
    document = json.loads(out)
    assert status == 1
    assert [Path(file["source"]).name for file in document["files"]] == ["10.conf", "20.conf"]
    found = [(finding["rule"], Path(finding["source"]).name) for finding in document["findings"]]
    assert found == [("nova.overridden", "10.conf"), ("nova.mode-maximum", "20.conf")]


def test_a_nova_conf_that_is_not_text_is_3(lint: Run, tmp_path: Path) -> None:
    path = tmp_path / "nova.conf"
    path.write_bytes(b"[libvirt]\ncpu_mode = \xff\n")
    status, _, err = lint(path)
    assert status == 3
    assert f"{path}:2: not UTF-8" in err
