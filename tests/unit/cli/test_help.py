"""Every command's help side by side: one word for one thing, an example, and its exit statuses in one form."""

from __future__ import annotations

import re
from inspect import cleandoc

import click
import pytest
from tools.commands import Command, walk_commands

COMMANDS = tuple(walk_commands())
LEAVES = tuple(command for command in COMMANDS if not isinstance(command.command, click.Group))
METAVARS = {
    "--at": {"DATE"},
    "--domain": {"NAME"},
    "--host": {"FILE"},
    "--map": {"DIR"},
    "--nova-conf": {"FILE"},
    "--peer": {"FILE"},
    "--qemu": {"PATH"},
    "--qemu-version": {"VERSION"},
    "--store": {"DIR"},
    "--timeout": {"S"},
    "--uri": {"URI"},
    "--vendor": {"VENDOR"},
    "--virsh": {"COMMAND"},
    # A command that writes several files writes a folder.
    "--output": {"FILE", "DIR"},
}
"""What the value of an option is, in every command that has it."""

ONE_HELP = ("--active", "--all", "--engine", "--lenient", "--monitor", "--raw", "--uri", "--vendor", "--virsh")
"""Options that are told in the same words everywhere."""

BEGINNINGS = {
    "--at": {"The snapshot of the fleet"},
    "--domain": {"The guest"},
    "--from": {"The format", "The dialect"},
    "--host": {"A snapshot of", "The QEMU: that of a snapshot of"},
    "--map": {"libvirt's cpu_map folder"},
    "--output": {"Write "},
    "--strict": {"Warnings count as errors.", "What the target cannot say counts as an error."},
}
"""The first words of an option's help, where commands have more to say of it."""


def ids(command: Command) -> str:
    return command.path


def options_of(command: Command) -> list[click.Option]:
    return [option for option in command.command.params if isinstance(option, click.Option)]


def paragraphs(command: Command) -> list[str]:
    return cleandoc(command.command.help or "").split("\n\n")


def named(name: str) -> list[tuple[Command, click.Option]]:
    return [(command, option) for command in COMMANDS for option in options_of(command) if name in option.opts]


def test_the_tables_name_options_that_are_there() -> None:
    for name in (*METAVARS, *ONE_HELP, *BEGINNINGS):
        assert named(name), name


@pytest.mark.parametrize("name", METAVARS)
def test_an_option_has_the_same_value_everywhere(name: str) -> None:
    found = {option.make_metavar(command.context) for command, option in named(name)}
    assert found <= METAVARS[name]


@pytest.mark.parametrize("name", ONE_HELP)
def test_an_option_is_told_in_the_same_words(name: str) -> None:
    assert len({option.help for _, option in named(name)}) == 1


@pytest.mark.parametrize("name", BEGINNINGS)
def test_an_option_is_told_with_the_same_first_words(name: str) -> None:
    for command, option in named(name):
        assert (option.help or "").startswith(tuple(BEGINNINGS[name])), command.path


@pytest.mark.parametrize("command", LEAVES, ids=ids)
def test_options_are_declared_in_one_order(command: Command) -> None:
    options = options_of(command)
    for option in options:
        lengths = [len(name) for name in option.opts]
        assert lengths == sorted(lengths), f"{command.path}: the short name comes first: {option.opts}"
    formats = [place for place, option in enumerate(options) if "--format" in option.opts]
    assert formats in ([], [len(options) - 1]), f"{command.path}: --format comes last"


@pytest.mark.parametrize("command", COMMANDS, ids=ids)
def test_what_may_be_repeated_says_so(command: Command) -> None:
    for option in options_of(command):
        said = "may be repeated" in (option.help or "").lower()
        assert said == option.multiple, f"{command.path} {option.opts[0]}"


@pytest.mark.parametrize("command", COMMANDS, ids=ids)
def test_every_option_is_told_in_a_sentence(command: Command) -> None:
    for option in options_of(command):
        text = option.help or ""
        assert text.endswith((".", "?")), f"{command.path} {option.opts[0]}: {text!r}"


@pytest.mark.parametrize("command", COMMANDS, ids=ids)
def test_every_command_has_an_example(command: Command) -> None:
    blocks = paragraphs(command)
    assert any(block.startswith("\b") and command.path in block for block in blocks)


@pytest.mark.parametrize("command", LEAVES, ids=ids)
def test_exit_statuses_are_told_last_and_in_one_form(command: Command) -> None:
    *others, last = paragraphs(command)
    told = " ".join(last.split())
    assert re.fullmatch(r"Exit status: 0 \S.*\.", told), told
    assert not any("Exit status" in other for other in others)
