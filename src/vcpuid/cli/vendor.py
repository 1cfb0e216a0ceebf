"""The option with which commands choose between the meanings of a name."""

from __future__ import annotations

import click

from vcpuid.cli import complete

vendor_option = click.option(
    "--vendor",
    metavar="VENDOR",
    shell_complete=complete.vendors,
    help="Choose between meanings of a name: intel, amd, hygon, centaur, zhaoxin.",
)
