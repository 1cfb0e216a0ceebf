"""`vcpuid completion`."""

from __future__ import annotations

from pathlib import Path

import click

_SCRIPTS = Path(__file__).parent / "completions"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print what a shell needs to complete commands, options, and names of features and models.

    \b
    eval "$(vcpuid completion bash)"                                  in ~/.bashrc
    eval "$(vcpuid completion zsh)"                                   in ~/.zshrc, after compinit
    vcpuid completion fish > ~/.config/fish/completions/vcpuid.fish   once

    Packages that install the wheel's share/ folder have it where shells look: there nothing is to be done.

    Exit status: 0 printed.
    """
    click.echo((_SCRIPTS / f"vcpuid.{shell}").read_text(encoding="utf-8"), nl=False)
