"""Completion, as the shells themselves give it: each reads the script that `vcpuid completion` prints."""

from __future__ import annotations

import os
import pty
import select
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from programs import needs
from vcpuid import cli
from vcpuid.cli import run, vcpuid
from vcpuid.cli.complete import features, libvirt_names
from vcpuid.dumps import FORMATS

SCRIPTS = Path(cli.__file__).parent / "completions"
# What bash does at a tab, without a terminal: readline falls back to names of files where -o default is set.
BASH = """\
eval "$(vcpuid completion bash)"
line={line}
read -ra COMP_WORDS <<< "${{line//=/ = }}"
[[ $line != *[\\ =] || ${{COMP_WORDS[-1]}} == = ]] || COMP_WORDS+=('')
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_vcpuid vcpuid
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
BASH_ON_A_TERMINAL = """\
eval "$(vcpuid completion bash)"
bind -x '"\\C-o": printf "<%s>" "$READLINE_LINE"; exit'
PS1= ; echo ready
"""
FISH = "vcpuid completion fish | source; complete -C {line}"
# zsh completes on a terminal only. What is offered there, its own builtin is asked, and written down.
ZSH = """\
PROMPT= ; fpath=({folder} $fpath)
autoload -Uz compinit && compinit -u -D
{start}
compadd() {{
    local -a offered
    if (( ! ${{@[(I)-[OAD]*]}} )); then
        builtin compadd -A offered "$@"
        print -rl -- $IPREFIX$^offered >> offered
    fi
    builtin compadd "$@"
}}
offer() {{ zle list-choices; BUFFER=exit; zle accept-line }}
zle -N offer && bindkey '^I' offer
print ready
"""


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
    return ask(["bash", "--norc", "-c", BASH.format(line=shlex.quote(line))], place).split()


def fish(line: str, place: Path) -> list[str]:
    rows = ask(["fish", "--no-config", "-c", FISH.format(line=shlex.quote(line))], place).splitlines()
    return [row.partition("\t")[0] for row in rows]


def zsh(line: str, place: Path, start: str = 'eval "$(vcpuid completion zsh)"', folder: str = "") -> list[str]:
    (place / ".zshrc").write_text(ZSH.format(start=start, folder=folder), encoding="utf-8")
    type_at_terminal(["zsh", "-d", "-i"], {"ready": f"{line}\t"}, place, {"ZDOTDIR": str(place)})
    offered = place / "offered"
    return offered.read_text(encoding="utf-8").split() if offered.exists() else []


def type_at_terminal(
    command: list[str], keys: Mapping[str, str], cwd: Path, variables: Mapping[str, str] | None = None
) -> str:
    """Run a program on a terminal, type each text once its cue is shown, and give all that was shown."""
    controller, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "dumb", **(variables or {})}
    shown, left, end = "", list(keys.items()), time.monotonic() + 60
    with subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, cwd=cwd, env=environment, start_new_session=True
    ) as process:
        os.close(terminal)
        try:
            while time.monotonic() < end:
                if select.select([controller], [], [], 0.1)[0]:
                    shown += os.read(controller, 65536).decode()
                if left and left[0][0] in shown:
                    os.write(controller, left.pop(0)[1].encode())
        except OSError:
            pass  # Linux's way to say that the terminal was closed
        process.kill()
    os.close(controller)
    assert not left, shown
    return shown


Shell = Callable[[str, Path], list[str]]
SHELLS = [
    pytest.param(bash, marks=needs("bash", package="bash"), id="bash"),
    pytest.param(zsh, marks=needs("zsh", package="zsh"), id="zsh"),
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
        ("vcpuid why --do", {"--domain"}, "--pid"),
        ("vcpuid decode --from=lib", {"{}libvirt", "{}libcpuid"}, "{}aida64"),
        ("vcpuid completion z", {"zsh"}, "bash"),
    ],
)
def test_a_shell_offers_what_fits(
    shell: Shell, line: str, offered: set[str], not_offered: str, place: Path
) -> None:
    words = set(shell(line, place))
    # Of --option=value bash completes the value, the others the whole word.
    option = "" if shell is bash else "--from="
    assert {word.format(option) for word in offered} <= words
    assert not_offered.format(option) not in words


@needs("zsh", package="zsh")
@needs("fish", package="fish")
@pytest.mark.parametrize("words", ["vcpuid why sgx --host avx", "vcpuid diff avx", "vcpuid fleet matrix -o avx"])
def test_where_vcpuid_has_no_answer_files_are_offered(words: str, place: Path) -> None:
    assert fish(words, place) == ["avx-host.json"]
    assert zsh(words, place) == ["avx-host.json"]
    assert bash(words, place) == []  # and bash's own, for `-o default`


@needs("zsh", package="zsh")
@needs("fish", package="fish")
def test_files_are_offered_behind_an_equals_sign(place: Path) -> None:
    assert fish("vcpuid why sgx --host=avx", place) == ["--host=avx-host.json"]
    assert zsh("vcpuid why sgx --host=avx", place) == ["--host=avx-host.json"]


@pytest.mark.parametrize(
    ("typed", "whole"),
    [
        ("vcpuid why sgx --host=avx", "vcpuid why sgx --host=avx-host.json "),
        ("vcpuid dif", "vcpuid diff "),
        ("vcpuid why sgx --format=j", "vcpuid why sgx --format=json "),
    ],
)
def test_bash_completes_a_word_on_a_terminal(typed: str, whole: str, place: Path) -> None:
    """Type it, a tab, and a key that shows what then stands on the line."""
    (place / "bashrc").write_text(BASH_ON_A_TERMINAL, encoding="utf-8")
    keys = {"ready": f"{typed}\t\x0f"}
    shown = type_at_terminal(["bash", "--noprofile", "--rcfile", "bashrc", "-i"], keys, place)
    assert f"<{whole}>" in shown


@needs("zsh", package="zsh")
def test_zsh_loads_it_as_a_function_of_a_package(place: Path) -> None:
    (place / "functions").mkdir()
    (place / "functions" / "_vcpuid").symlink_to(SCRIPTS / "vcpuid.zsh")
    assert zsh("vcpuid fleet w", place, start="", folder="functions") == ["which-hosts", "what-if"]


def test_names_of_several_words_are_not_offered() -> None:
    context, parameter = click.Context(vcpuid), click.Option(["--x"])
    assert [name for name in features(context, parameter, "2") if " " in name] == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_printed_as_it_stands(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert capsys.readouterr() == ((SCRIPTS / f"vcpuid.{shell}").read_text(encoding="utf-8"), "")


def test_another_shell_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "tcsh"]) == 2
    assert "'bash', 'zsh', 'fish'" in capsys.readouterr().err


def test_values_do_not_depend_on_upper_and_lower_case() -> None:
    context, parameter = click.Context(vcpuid), click.Option(["--x"])
    assert {"sgx_lc", "SGX_LC"} <= set(features(context, parameter, "Sgx_L"))
    assert "Skylake-Client" in libvirt_names(context, parameter, "skylake-c")
    assert "sgx" in features(context, parameter, "")
    assert features(context, parameter, "nosuchname") == []


def test_a_format_that_decode_reads_is_offered() -> None:
    completion = ShellComplete(vcpuid, {}, "vcpuid", "_VCPUID_COMPLETE")
    assert {item.value for item in completion.get_completions(["decode", "--from"], "")} == set(FORMATS)
