"""nova.conf: oslo.config's dialect, and where the files are found."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.gather.machines import gather, write_process, write_tree
from vcpuid.gather import nova
from vcpuid.gather.options import Options
from vcpuid.gather.record import NotApplicableError

TEXT = """\
# a comment
[DEFAULT]
compute_driver = libvirt.LibvirtDriver
transport_url = rabbit://nova:hunter2@host

[libvirt]
cpu_mode=custom
cpu_models = Haswell,
    Broadwell
#cpu_models = none of these
cpu_model_extra_flags: +sgx
cpu_mode = $other_mode
rbd_secret_uuid = hunter2

[libvirt]
cpu_mode = host-model
[workarounds]
skip_cpu_compare_on_dest = true
"""


def entries(text: str) -> list[tuple[object, object, object, object]]:
    return [(entry["line"], entry["section"], entry["key"], entry["value"]) for entry in nova.parse_entries(text)]


def test_entries_keep_line_order_and_duplicates() -> None:
    assert entries(TEXT) == [
        (3, "DEFAULT", "compute_driver", "libvirt.LibvirtDriver"),
        (7, "libvirt", "cpu_mode", "custom"),
        (8, "libvirt", "cpu_models", "Haswell,\nBroadwell"),
        (11, "libvirt", "cpu_model_extra_flags", "+sgx"),
        (12, "libvirt", "cpu_mode", "$other_mode"),
        (16, "libvirt", "cpu_mode", "host-model"),
        (18, "workarounds", "skip_cpu_compare_on_dest", "true"),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[libvirt]\ncpu_mode\n", [(2, "libvirt", "cpu_mode", "")]),
        ("[libvirt]\ncpu_mode =\n", [(2, "libvirt", "cpu_mode", "")]),
        ("[libvirt\ncpu_mode = custom\n", [(2, "libvirt", "cpu_mode", "custom")]),
        ("  orphan\n[libvirt]\n", []),
        ("[libvirt]\ncpu_models = a\n\n    b\n", [(2, "libvirt", "cpu_models", "a")]),
        ("[libvirt]\r\ncpu_mode = none\r\n", [(2, "libvirt", "cpu_mode", "none")]),
        ("\ufeff[libvirt]\ncpu_mode = none", []),
        ("", []),
    ],
)
def test_odd_files(text: str, found: list[tuple[int, str, str, str]]) -> None:
    assert entries(text) == found


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    list(nova.parse_entries(text))


def test_usual_files_are_read_once(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "/etc/nova/nova.conf": "[libvirt]\ncpu_mode = custom\n",
            "/etc/nova/nova.conf.d/10.conf": "[libvirt]\ncpu_models = a\n",
            "/etc/nova/nova.conf.d/readme": "[libvirt]\ncpu_models = b\n",
        },
    )
    (tmp_path / "etc/nova/nova-cpu.conf").symlink_to(tmp_path / "etc/nova/nova.conf")
    data, problems = gather(nova.gather, tmp_path)
    assert [file["path"] for file in data["files"]] == ["/etc/nova/nova.conf", "/etc/nova/nova.conf.d/10.conf"]
    assert problems == []


def test_the_files_of_a_running_nova_compute_come_first(tmp_path: Path) -> None:
    write_process(
        tmp_path,
        42,
        "/usr/bin/python3",
        ["/usr/bin/python3", "/usr/bin/nova-compute", "--config-file", "/c/nova.conf", "--config-dir=/c/d"],
    )
    write_tree(
        tmp_path,
        {
            "/proc/42/root/c/nova.conf": "[libvirt]\ncpu_mode = custom\n",
            "/proc/42/root/c/d/1.conf": "[libvirt]\ncpu_models = x\n",
            "/etc/nova/nova.conf": "",
        },
    )
    data, _ = gather(nova.gather, tmp_path)
    assert [file["path"] for file in data["files"]] == [
        "/proc/42/root/c/nova.conf",
        "/proc/42/root/c/d/1.conf",
        "/etc/nova/nova.conf",
    ]


def test_a_given_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    data, problems = gather(nova.gather, tmp_path, Options(nova_files=("/nowhere/nova.conf",)))
    assert data == {"files": []}
    assert problems[0]["what"] == "/nowhere/nova.conf"
    assert problems[0]["why"] == "no such file or directory"


@pytest.mark.parametrize("content", ['{"schema": "vcpuid-snapshot/1"}', "\0\1\2 = \0", "cpu_mode = none\n"])
def test_a_file_that_is_no_configuration_is_a_problem(tmp_path: Path, content: str) -> None:
    write_tree(tmp_path, {"etc/other.conf": content})
    data, problems = gather(nova.gather, tmp_path, Options(nova_files=("/etc/other.conf",)))
    assert data == {"files": []}
    assert problems[0]["why"] == "no nova.conf: it has no [section]"


def test_a_folder_in_place_of_a_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "etc/nova/nova.conf").mkdir(parents=True)
    _, problems = gather(nova.gather, tmp_path)
    assert problems[0]["why"] == "not a regular file"


def test_no_nova_at_all_does_not_apply(tmp_path: Path) -> None:
    with pytest.raises(NotApplicableError, match=r"no nova\.conf"):
        gather(nova.gather, tmp_path)


@pytest.mark.parametrize("section", ["LibVirt", "LIBVIRT"])
def test_capital_letters_of_a_section_do_not_count(section: str) -> None:
    assert entries(f"[{section}]\ncpu_mode = none\n") == [(2, section, "cpu_mode", "none")]


def test_blanks_make_another_section() -> None:
    assert entries("[ libvirt ]\ncpu_mode = none\n") == []
