"""Running QEMUs in /proc: recognised, replaced, in containers, not permitted."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from unit.gather.machines import gather, look_at, write_process, write_tree
from vcpuid.gather import active, processes, qemu
from vcpuid.gather.look import Look
from vcpuid.gather.options import Options
from vcpuid.gather.record import Problems

QEMU = "/usr/bin/qemu-system-x86_64"
LOADER = "/usr/lib64/ld-linux-x86-64.so.2"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_tree(tmp_path, {"/proc/1/cmdline": "init\0"})


@pytest.mark.parametrize(
    ("exe", "arguments", "is_qemu"),
    [
        (QEMU, [QEMU, "-cpu", "host"], True),
        ("/usr/libexec/qemu-kvm", ["/usr/libexec/qemu-kvm"], True),
        (QEMU + " (deleted)", [QEMU, "-cpu", "host"], True),
        ("/opt/bin/qemu", ["qemu", "-machine", "q35"], True),
        ("/opt/bin/qemu", ["qemu", "--version"], False),
        ("/usr/bin/qemu-img", ["qemu-img", "-cpu", "x"], False),
        ("/usr/bin/python3", ["python3", QEMU, "-cpu", "host"], False),
        (QEMU, [], False),
        (LOADER, [LOADER, "--library-path", "/opt/lib", QEMU, "-cpu", "host"], True),
        (LOADER, [LOADER, "/usr/bin/sleep", "-cpu", "host"], False),
        (LOADER, [LOADER, "--help"], False),
    ],
)
def test_which_programs_are_qemu(root: Path, exe: str, arguments: list[str], is_qemu: bool) -> None:
    write_process(root, 42, exe, arguments)
    assert bool(processes.find_qemu_processes(look_at(root))) is is_qemu


def test_what_is_told_of_a_guest(root: Path) -> None:
    uuid = "0D1E2F3A-1111-2222-3333-444455556666"
    arguments = ["-name", "guest=web,,1,debug-threads=on", "-uuid", uuid, "-cpu", "a", "-drive", "x", "-cpu", "b"]
    write_process(root, 42, QEMU + " (deleted)", [QEMU, *arguments])
    data, problems = gather(processes.gather, root)
    assert data["processes"] == [
        {
            "pid": 42,
            "exe": QEMU,
            "deleted": True,
            "name": "web,1",
            "uuid": uuid.lower(),
            "args": ["-cpu", "a", "-cpu", "b"],
        }
    ]
    assert problems == []


@pytest.mark.parametrize(
    ("arguments", "name"),
    [(["-name", "web"], "web"), (["-name", "guest=web"], "web"), (["-name", "process=x"], None), ([], None)],
)
def test_names_of_guests(arguments: list[str], name: str | None) -> None:
    assert processes.guest_name([QEMU, *arguments]) == name


def test_an_unreadable_executable_is_told_and_the_arguments_serve(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_process(root, 42, QEMU, [QEMU, "-cpu", "host"])
    write_process(root, 43, "/usr/bin/bash", ["bash"])

    def link(_look: Look, path: str) -> str:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(Look, "link", link)
    data, problems = gather(processes.gather, root)
    assert [(process["pid"], process["exe"]) for process in data["processes"]] == [(42, QEMU)]
    assert problems == [{"what": "/proc/42/exe", "why": "permission denied", "remedy": "run as root"}]


def test_a_proc_that_hides_others_is_told(tmp_path: Path) -> None:
    write_process(tmp_path, 42, QEMU, [QEMU])
    _, problems = gather(processes.gather, tmp_path)
    assert "hidepid" in problems[0]["why"]


def test_binaries_are_described_once_with_every_way_they_were_found(root: Path) -> None:
    text = b"\0" * 5000 + b"QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\nCopyright" + b"\0" * 200
    write_tree(root, {QEMU: text})
    write_process(root, 42, str(root) + QEMU, [QEMU])
    write_process(root, 43, "/gone/qemu-kvm (deleted)", ["/gone/qemu-kvm"])
    (root / "usr/bin/qemu-kvm").symlink_to("qemu-system-x86_64")
    data, problems = gather(qemu.gather, root)
    (binary,) = data["binaries"]
    assert binary["found_by"] == ["process 42", "usual place", "usual place"]
    assert (binary["version"], binary["build"]) == ("7.2.22", "Debian 1:7.2+dfsg-7")
    assert problems == []


def test_a_given_binary_that_is_not_there(root: Path) -> None:
    data, problems = gather(qemu.gather, root, Options(qemu_paths=("/opt/qemu",)))
    assert data == {"binaries": []}
    assert problems[0]["what"] == "/opt/qemu"


def test_a_loader_is_never_taken_for_the_qemu_that_it_runs(root: Path) -> None:
    text = b"QEMU emulator version 11.1.3 (Debian 1:11.1.3+ds-1)\n" + b"\0" * 200
    write_tree(root, {QEMU: text, LOADER: b"", f"/proc/42/root{QEMU}": text})
    write_process(root, 42, LOADER, [LOADER, "--library-path", "/opt/lib", QEMU, "-cpu", "host", "-name", "web"])
    found, problems = gather(processes.gather, root)
    assert [(process["exe"], process["name"], process["args"]) for process in found["processes"]] == [
        (QEMU, "web", ["-cpu", "host"])
    ]
    assert problems == []
    data, _ = gather(qemu.gather, root)
    assert {binary["path"] for binary in data["binaries"]} == {QEMU}
    running = next(binary for binary in data["binaries"] if "process 42" in binary["found_by"])
    assert running["version"] == "11.1.3"
    assert {path for path, _ in active._trusted_binaries(look_at(root), Options(), Problems())} <= {QEMU}


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)", ("10.0.2", "Debian 1:10.0.2+ds-2")),
        ("QEMU emulator version 9.1.0", ("9.1.0", None)),
        ("QEMU emulator version %s", (None, None)),
        ("", (None, None)),
    ],
)
def test_version_texts(text: str, parsed: tuple[str | None, str | None]) -> None:
    assert qemu.parse_version(text) == parsed


def test_only_roots_binaries_are_trusted(tmp_path: Path) -> None:
    assert qemu.is_trusted(Look(), "/bin/sh") is None
    path = tmp_path / "qemu-system-x86_64"
    path.write_text("")
    # tmp_path lies below a folder that everybody can write.
    assert qemu.is_trusted(Look(), str(path)) is not None
    assert "no such file" in str(qemu.is_trusted(Look(), "/no/such/qemu"))
