"""The commands of vcpuid and what their exit statuses mean, for the pages that are made of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import click

from vcpuid.cli import vcpuid

_HELP_WIDTH = 100
EXIT_STATUSES = (
    (0, "yes, or done"),
    (1, "the answer is no"),
    (2, "usage: an unknown command, option or feature name"),
    (3, "bad input: a file that is missing, unreadable or damaged"),
    (4, "undecided: something that the answer needs is unavailable"),
    (70, "a bug of vcpuid"),
    (130, "interrupted"),
)


@dataclass(frozen=True, slots=True)
class Command:
    """A command with the words that call it, as in `vcpuid map entry`."""

    path: str
    context: click.Context
    command: click.Command


def walk_commands() -> Iterator[Command]:
    """Walks every command, groups before their members."""
    yield from _walk(vcpuid, "vcpuid", None)


def _walk(command: click.Command, name: str, parent: click.Context | None) -> Iterator[Command]:
    width = {"terminal_width": _HELP_WIDTH, "max_content_width": _HELP_WIDTH}
    context = click.Context(command, info_name=name, parent=parent, **{**command.context_settings, **width})
    yield Command(context.command_path, context, command)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                yield from _walk(found, child, context)
