"""Groups of commands that import a command when it is called."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """A group whose commands stand in modules of their own.

    Args:
        modules: Command to the module that has it as `command`, and its line in the overview; in the order in
            which people meet them.
        others: What `click.Group` takes.
    """

    def __init__(self, *, modules: Mapping[str, tuple[str, str]], **others: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(**others)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Give the commands in the order in which people meet them."""
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        if cmd_name not in self._modules:
            return None
        command: click.Command = import_module(f"vcpuid.cli.{self._modules[cmd_name][0]}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called; to one that there is not, say which are near.

        Raises:
            click.UsageError: There is no such command.
        """
        name = args[0]
        if name not in self._modules and not name.startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

            near = " or ".join(get_close_matches(name, self._modules))
            ctx.fail(f"No such command {name!r}." + (f" Did you mean {near}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._modules.items()])
