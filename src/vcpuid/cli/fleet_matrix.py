"""`vcpuid fleet matrix`."""

from __future__ import annotations

from pathlib import Path

import click

from vcpuid.answers.compare import Compatibility
from vcpuid.cli.files import write_whole
from vcpuid.cli.fleet_store import fleet_options, open_fleet
from vcpuid.cli.output import output_options, write
from vcpuid.errors import UsageError
from vcpuid.fleet.matrix import compare_hosts, make_matrix
from vcpuid.fleet.matrix_file import write_matrix
from vcpuid.render.compare import compare_document, render_compare
from vcpuid.render.fleet.matrix import matrix_document, render_matrix
from vcpuid.render.fleet.pictures import draw_matrix

_STATUS = {Compatibility.COMPATIBLE: 0, Compatibility.INCOMPATIBLE: 1, Compatibility.UNKNOWN: 4}
_KINDS = (".svg", ".parquet")


@click.command()
@fleet_options
@click.option("--pair", nargs=2, metavar="HOST HOST", help="Two hosts with all reasons, as `compare` gives them.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Write a picture (FILE.svg) or all pairs (FILE.parquet) besides.",
)
@output_options
def command(
    folder: str, date: str | None, pair: tuple[str, str] | None, output: str | None, output_format: str
) -> int:
    """Tell who can receive guests from whom, by their CPU: every guest of one host that gets all it gives.

    Equal hosts are one configuration. Of few each pair is shown, of many how the models get on with each other,
    which can receive from all or from none, and islands that exchange guests freely. A target that is known by
    CPUID or KVM's list alone is an upper bound, and `?` at best.

    \b
    vcpuid fleet matrix --store fleet
    vcpuid fleet matrix --store fleet --output matrix.svg
    vcpuid fleet matrix --store fleet --pair h07 h08

    Exit status: 0 done; with --pair 0 compatible both ways, 1 incompatible, 4 unknown.
    """
    path = Path(output) if output else None
    if path is not None and (pair or path.suffix not in _KINDS):
        raise UsageError(
            "--output writes the whole matrix, and --pair asks for two hosts"
            if pair
            else "no kind of file that is written",
            found=str(path),
            expected=" or ".join(f"FILE{kind}" for kind in _KINDS),
        )
    fleet = open_fleet(folder, date)
    if pair:
        answer = compare_hosts(fleet, *pair)
        write(output_format, lambda: render_compare(answer), lambda: compare_document(answer))
        return _STATUS[answer.compatibility]
    matrix = make_matrix(fleet)
    total = matrix.sum_up()
    if path is not None and path.suffix == ".parquet":
        write_matrix(matrix, path)
    elif path is not None:
        write_whole(path, draw_matrix(matrix, total))
    write(output_format, lambda: render_matrix(matrix, total), lambda: matrix_document(matrix, total))
    return 0
