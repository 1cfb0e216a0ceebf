"""`vcpuid diagnose`."""

from __future__ import annotations

import os
import sys

import click

from vcpuid.answers.diagnose import SIZE_LIMIT_CHARACTERS, DiagnosisReport, diagnose
from vcpuid.cli.files import read_at_most
from vcpuid.cli.output import output_options, write
from vcpuid.errors import InputError, UsageError
from vcpuid.render.diagnose import diagnosis_document, render_diagnosis

_UNDECIDED = 4


@click.command()
@click.argument("text", nargs=-1, metavar="[TEXT|FILE|-]")
@click.option("--host", metavar="FILE", help="A snapshot of the host where it happened, or `here`.")
@click.option(
    "--domain", metavar="NAME", help="The guest that it is about: a libvirt domain, by name or UUID; with --host."
)
@output_options
def command(text: tuple[str, ...], host: str | None, domain: str | None, output_format: str) -> int:
    """Explain an error of QEMU, libvirt, Nova, KubeVirt, Proxmox or the kernel: what it means, and what to do.

    TEXT is the message, or the name of a file with it; - is standard input, which is also read where there is no
    TEXT. Long logs are fine: every known message in them is told once. With --host each possible cause is tested
    on the host's evidence: it holds (yes), does not (no), or is not known (?), with what would tell.

    \b
    vcpuid diagnose "unsupported configuration: unknown CPU feature: sha_ni"
    vcpuid diagnose /var/log/libvirt/qemu/web-1.log --host here --domain web-1
    kubectl logs virt-launcher-web-1 | vcpuid diagnose -

    Exit status: 0 a message was explained, 4 none was recognised.
    """
    content = _read(text)
    if host is None:
        snapshot = None
    else:
        from vcpuid.cli.host import read_snapshot  # noqa: PLC0415 - only a host needs it

        snapshot = read_snapshot(host)
    report = diagnose(content, snapshot, domain)
    write(output_format, lambda: render_diagnosis(report), lambda: diagnosis_document(report))
    return _status(report)


def _status(report: DiagnosisReport) -> int:
    return 0 if report.is_explained else _UNDECIDED


def _read(words: tuple[str, ...]) -> str:
    """Give the text of a file, of standard input, or of the words themselves.

    Raises:
        UsageError: There is no text.
        InputError: A file that was meant cannot be read.
    """
    if not words and not sys.stdin.isatty():
        words = ("-",)
    if len(words) == 1 and (words[0] == "-" or _names_a_file(words[0])):
        # Bytes of any kind: a log may hold what its programs wrote in whatever encoding.
        text = read_at_most(words[0], SIZE_LIMIT_CHARACTERS).decode("utf-8", errors="replace")
    else:
        text = " ".join(words)
    if not text.strip():
        raise UsageError("no text to diagnose", expected="a message, a file, or - for standard input")
    return text


def _names_a_file(word: str) -> bool:
    if os.path.exists(word):  # noqa: PTH110 - unlike Path it takes names of any length
        return True
    if word.startswith(("/", "./", "../")) and not any(letter.isspace() for letter in word):
        raise InputError("no such file", source=word, next_step="A message is quoted whole; - is standard input.")
    return False
