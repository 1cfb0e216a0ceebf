"""Command lines as people paste them."""

from __future__ import annotations

import pytest

from vcpuid.errors import InputError
from vcpuid.guest.qemu import is_command_line, parse_arguments, split_command_line
from vcpuid.terms.place import Place

WORDS = ["-name", "guest=web 1", "-cpu", "host,+sgx", "-object", '{"qom-type":"x","id":"a"}']
QUOTED = """-name 'guest=web 1' -cpu host,+sgx -object '{"qom-type":"x","id":"a"}'"""
LIBVIRT_LOG = f"""2026-01-02 03:04:05.678+0000: starting up libvirt version: 9.0.0, package: it's Debian's
LC_ALL=C \\
PATH=/usr/bin \\
/usr/bin/qemu-system-x86_64 \\
{" ".join(QUOTED.split(" ")[:3])} \\
{" ".join(QUOTED.split(" ")[3:])}
char device redirected to /dev/pts/1 (label charserial0)
"""


@pytest.mark.parametrize(
    "text",
    [
        f"qemu-system-x86_64 {QUOTED}",
        QUOTED,
        f"  sudo -n /usr/libexec/qemu-kvm {QUOTED}",
        f"LC_ALL=C PATH=/bin '/usr/bin/qemu-system-x86_64' {QUOTED}",
        LIBVIRT_LOG,
        "\0".join(["/usr/bin/qemu-system-x86_64", *WORDS, ""]),
        QUOTED.replace(" -", "\n-"),
    ],
    ids=["shell", "options", "sudo", "quoted program", "log", "cmdline", "a line each"],
)
def test_forms(text: str) -> None:
    assert split_command_line(text, "x") == WORDS
    assert is_command_line(text)


def test_of_a_log_the_last_start_is_taken() -> None:
    assert split_command_line(LIBVIRT_LOG + LIBVIRT_LOG.replace("host", "max"), "x")[3] == "max,+sgx"


def test_a_name_is_no_program() -> None:
    assert split_command_line("-name kvm -cpu host", "x") == ["-name", "kvm", "-cpu", "host"]


def test_ps_has_lost_its_quotes() -> None:
    text = '4711 ? Sl 1:02 /usr/bin/qemu-system-x86_64 -cpu host,+sgx -object {"qom-type":"x","id":"a"} -S'
    words = split_command_line(text, "x")
    assert words == ["-cpu", "host,+sgx", "-object", '{"qom-type":"x","id":"a"}', "-S"]
    assert len(parse_arguments(words, Place("x")).cpus) == 1


@pytest.mark.parametrize("text", ["host,+sgx", "qemu64", "", "Skylake-Client,-avx", "kvm64"])
def test_a_cpu_string_is_no_command_line(text: str) -> None:
    assert not is_command_line(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello world", "no QEMU command line"),
        ("", "no QEMU command line"),
        ("qemu-kvm -name 'a", "a quote that is not closed"),
        ("a log\nqemu-kvm -name 'a", "x:2: a quote that is not closed"),
        ("qemu-kvm -S\nqemu-kvm -S", "x:2: several command lines"),
        ("-a " * 500_000, "too long for a command line"),
    ],
)
def test_what_is_none(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        split_command_line(text, "x")
