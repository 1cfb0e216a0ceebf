"""`--access` tells the truth: a real run does nothing that the table does not declare."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from unit.gather.machines import REPOSITORY
from vcpuid.gather import access
from vcpuid.gather.access import Access, declared_access, render_access
from vcpuid.gather.active import ACCELERATORS, command_line
from vcpuid.gather.kvm import QUERIES as KVM_QUERIES
from vcpuid.gather.options import Options
from vcpuid.gather.qmp import QUERIES as QMP_QUERIES

# Runs a collection and prints what the interpreter's audit hooks saw of it.
AUDITED = """
import json, os, sys
seen = []
WATCHED = {"subprocess.Popen": 1, "fcntl.ioctl": 1, "socket.connect": 1}  # event: which argument says what
WATCHED.update((event, 0) for event in '''open os.listdir os.scandir os.remove os.rename os.mkdir os.rmdir os.chmod
    os.truncate os.symlink os.link os.exec os.fork os.posix_spawn os.system vcpuid.arch_prctl'''.split())
collecting = []
def hook(event, arguments):
    if collecting and event in WATCHED:
        seen.append([event, arguments[WATCHED[event]], arguments[2] if event == "open" else None])
from vcpuid.gather.collect import collect
from vcpuid.gather.options import Options
options = Options(**json.loads(sys.argv[1]))
sys.addaudithook(hook)
collecting.append(True)
collect(options)
collecting.clear()
print(json.dumps(seen, default=str))
"""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def looks(**options: object) -> list[tuple[str, str, int]]:
    """Collect in a fresh interpreter; return (event, what, flags) of each look but those at Python itself."""
    done = subprocess.run(
        [sys.executable, "-c", AUDITED, json.dumps(options)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=120,
    )
    assert done.stderr == ""
    own = (sys.prefix, sys.base_prefix, str(REPOSITORY / "src"), "/usr/lib/python3", "/usr/local/lib/python3")
    return [
        (event, " ".join(what) if isinstance(what, list) else str(what), flags or 0)
        for event, what, flags in json.loads(done.stdout)
        if not (event in ("open", "os.listdir") and (str(what).startswith(own) or _is_a_commands_pipe(what)))
    ]


def _is_a_commands_pipe(what: object) -> bool:
    """Tell of a pipe's end (a number), or of the nothing that a command reads on its standard input."""
    return isinstance(what, int) or what == "/dev/null"


def undeclared(seen: list[tuple[str, str, int]], declared: list[Access]) -> list[tuple[str, str]]:
    kinds = {
        "open": ("read", "open"),
        "os.listdir": ("list",),
        "subprocess.Popen": ("run",),
        "fcntl.ioctl": ("ioctl",),
        "vcpuid.arch_prctl": ("call",),
        "socket.connect": ("connect",),
    }
    return [
        (event, what)
        for event, what, _ in seen
        if not any(one.kind in kinds.get(event, ()) and covers(one.what, what) for one in declared)
    ]


def covers(declared: str, text: str) -> bool:
    """Whether a path or a command is what a row declares."""
    parts = re.split(r"(\*\*|\*)", declared)
    pattern = "".join({"**": ".*", "*": "[^/]*"}.get(part) or re.escape(part) for part in parts)
    return re.fullmatch(pattern, text, re.DOTALL) is not None


def in_the_tables_words(seen: list[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    """Put VIRSH, URI, PYTHON, QEMU and the names of ioctls in place of what they are here."""
    ioctls = {str(number): name for name, number in KVM_QUERIES.items()}
    calls = {"4133": "arch_prctl(ARCH_REQ_XCOMP_GUEST_PERM)", "4132": "arch_prctl(ARCH_GET_XCOMP_GUEST_PERM)"}
    worded = []
    for event, original, flags in seen:
        what = original
        if event == "fcntl.ioctl":
            what = ioctls.get(what, what)
        elif event == "vcpuid.arch_prctl":
            what = calls.get(what, what)
        elif event == "subprocess.Popen":
            program, _, rest = what.partition(" ")
            names = {sys.executable: "PYTHON", "virsh": "VIRSH"}
            if _is_a_qemus_start(program, rest):
                names[program] = "QEMU"
            what = f"{names.get(program, names.get(Path(program).name, Path(program).name))} {rest}"
            what = what.replace("qemu:///system", "URI").replace(_marker(what), "")
        worded.append((event, what, flags))
    return worded


def _is_a_qemus_start(program: str, rest: str) -> bool:
    """Tell of QEMU by how it is started: whoever else runs one on this machine may call it as he likes."""
    return any(rest == " ".join(command_line(program, accelerator)[1:]) for accelerator in ACCELERATORS)


def _marker(command: str) -> str:
    """Return the `; echo MARKER` that stands between virsh's questions."""
    _, found, rest = command.partition("; echo vcpuid-")
    return f"{found}{rest.split(';')[0]}" if found else "\0"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"domain_capabilities": False},
        {"active": True, "only": ["qmp", "qemu"]},
        {"monitor": True, "only": ["monitor"]},
        {"nova_files": ["/etc/hostname"], "map_directory": "/usr/share", "only": ["nova", "libvirt"]},
    ],
    ids=["passive", "no domain capabilities", "active", "monitor", "given"],
)
def test_a_run_does_only_what_is_declared(options: dict[str, object]) -> None:
    seen = in_the_tables_words(looks(timeout_s=60.0, **options))
    assert seen
    declared = declared_access(Options(**options))  # type: ignore[arg-type]  # JSON's lists serve as tuples
    assert undeclared(seen, declared) == []


def test_nothing_is_opened_for_writing_but_the_device_that_demands_it() -> None:
    written = {what for event, what, flags in looks() if event == "open" and flags & WRITING}
    assert written <= {"/dev/kvm"}


def test_the_table_would_catch_a_look_that_is_not_declared() -> None:
    declared = declared_access(Options())
    assert undeclared([("open", "/etc/shadow", 0)], declared)
    assert undeclared([("open", "/proc/7/mem", 0)], declared)
    assert undeclared([("subprocess.Popen", "VIRSH -c URI -q destroy x", 0)], declared)
    assert undeclared([("os.remove", "/proc/cpuinfo", 0)], declared)
    assert not undeclared([("open", "/proc/7/cmdline", 0)], declared)


def test_a_qemu_of_any_name_is_one_by_its_options_alone() -> None:
    declared = declared_access(Options(active=True, only=("qmp",)))
    for name in ("/opt/x/qemu", "/usr/bin/qemu-system-i386"):
        started = " ".join(command_line(name, "kvm"))
        assert not undeclared(in_the_tables_words([("subprocess.Popen", started, 0)]), declared)
        more = [("subprocess.Popen", f"{started} -device x", 0)]
        assert undeclared(in_the_tables_words(more), declared)


@pytest.mark.parametrize(
    ("what", "text", "covered"),
    [
        ("/proc/*/exe", "/proc/42/exe", True),
        ("/proc/*/exe", "/proc/42/fd/exe", False),
        ("/proc/*/root/**.conf", "/proc/42/root/etc/nova/nova.conf", True),
        ("/a.b", "/aXb", False),
        ("/a", "/a/b", False),
    ],
)
def test_patterns(what: str, text: str, covered: bool) -> None:
    assert covers(what, text) is covered


def test_the_text_names_sources_registers_and_what_is_never_done() -> None:
    text = render_access(Options())
    for word in ("/dev/cpu/*/msr", "KVM_GET_SUPPORTED_CPUID", "domcapabilities", "3a", "isolated", "It never"):
        assert word in text
    assert "qemu-monitor-command" not in text
    assert "-machine none" not in text


def test_choices_change_the_text() -> None:
    assert "domcapabilities --virttype" not in render_access(Options(domain_capabilities=False))
    active = render_access(Options(active=True, monitor=True))
    assert "-machine none -accel kvm" in active
    assert "qemu-monitor-command" in active
    assert all(name in active for name in QMP_QUERIES)
    assert "/opt/q" in render_access(Options(qemu_paths=("/opt/q",)))
    assert "/dev/kvm" not in render_access(Options(only=("sgx",)))


def test_the_sudoers_fragment_is_of_this_run_alone() -> None:
    lines = list(access.sudoers_lines(["--access", "--only", "cpuid,msr", "--uri", "qemu:///system"]))
    assert lines[-2] == (
        r"Cmnd_Alias VCPUID_COLLECT = /usr/bin/python3 -I /usr/local/sbin/vcpuid-collect"
        r" --only cpuid\,msr --uri qemu\:///system"
    )
    assert all(line.startswith(("#", "Cmnd_Alias", "%vcpuid")) for line in lines)
