"""Completion, as the shells themselves give it: each reads the script that the wheel ships."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from programs import needs
from vcpuid.cli import vcpuid
from vcpuid.cli.complete import features, libvirt_names
from vcpuid.dumps import FORMATS

SHARE = Path(__file__).parents[3] / "share"
# What bash does at a tab, without a terminal: readline falls back to names of files where -o default is set.
BASH = """\
. {script}
read -ra COMP_WORDS <<< {line}
[[ {line} != *' ' ]] || COMP_WORDS+=('')
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_vcpuid vcpuid
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
FISH = "source {script}; complete -C {line}"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file, and vcpuid on PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    launcher = programs / "vcpuid"
    launcher.write_text(f'#!/bin/sh\nexec {sys.executable} -m vcpuid "$@"\n', encoding="utf-8")
    launcher.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "avx-host.json").touch()
    return tmp_path


def ask(command: list[str], cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    return done.stdout


def bash(line: str, place: Path) -> list[str]:
    script = SHARE / "bash-completion/completions/vcpuid"
    program = BASH.format(script=shlex.quote(str(script)), line=shlex.quote(line))
    return ask(["bash", "--norc", "-c", program], place).split()


def fish(line: str, place: Path) -> list[str]:
    script = SHARE / "fish/vendor_completions.d/vcpuid.fish"
    program = FISH.format(script=shlex.quote(str(script)), line=shlex.quote(line))
    return [row.partition("\t")[0] for row in ask(["fish", "--no-config", "-c", program], place).splitlines()]


Shell = Callable[[str, Path], list[str]]
SHELLS = [
    pytest.param(bash, marks=needs("bash", package="bash"), id="bash"),
    pytest.param(fish, marks=needs("fish", package="fish"), id="fish"),
]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "offered", "not_offered"),
    [
        ("vcpuid ", {"why", "fleet"}, "which-hosts"),
        ("vcpuid fleet w", {"which-hosts", "what-if"}, "ingest"),
        ("vcpuid why avx512_b", {"avx512_bf16", "avx512_bitalg"}, "avx512_vnni"),
        ("vcpuid why HW_CPU_X86_AVX512VB", {"HW_CPU_X86_AVX512VBMI", "HW_CPU_X86_AVX512VBMI2"}, "avx512vbmi"),
        ("vcpuid fleet which-hosts Skylake-Client-n", {"Skylake-Client-noTSX-IBRS"}, "Skylake-Client"),
        ("vcpuid decode --from lib", {"libvirt", "libcpuid"}, "aida64"),
        ("vcpuid why --vendor ", {"intel", "zhaoxin"}, "avx2"),
    ],
)
def test_a_shell_offers_what_fits(
    shell: Shell, line: str, offered: set[str], not_offered: str, place: Path
) -> None:
    words = shell(line, place)
    assert offered <= set(words)
    assert not_offered not in words


@needs("fish", package="fish")
def test_where_vcpuid_has_no_answer_files_are_offered(place: Path) -> None:
    assert fish("vcpuid why sgx --host avx", place) == ["avx-host.json"]
    assert bash("vcpuid why sgx --host avx", place) == []  # and bash's own, for `-o default`


def test_values_do_not_depend_on_upper_and_lower_case() -> None:
    context, parameter = click.Context(vcpuid), click.Option(["--x"])
    assert {"sgx_lc", "SGX_LC"} <= set(features(context, parameter, "Sgx_L"))
    assert "Skylake-Client" in libvirt_names(context, parameter, "skylake-c")
    assert "sgx" in features(context, parameter, "")
    assert features(context, parameter, "nosuchname") == []


def test_a_format_that_decode_reads_is_offered() -> None:
    completion = ShellComplete(vcpuid, {}, "vcpuid", "_VCPUID_COMPLETE")
    assert {item.value for item in completion.get_completions(["decode", "--from"], "")} == set(FORMATS)
