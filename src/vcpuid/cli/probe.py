"""`vcpuid probe`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from vcpuid.answers.foreseen import Foreseen, foresee
from vcpuid.cli.dump import tell
from vcpuid.cli.files import write_whole
from vcpuid.cli.host import snapshot_here
from vcpuid.cli.output import output_options, write_page
from vcpuid.dumps import FORMATS, find_losses, write_dump
from vcpuid.errors import InputError, UsageError, VcpuidError
from vcpuid.evidence import Evidence, Gap
from vcpuid.gather.options import Options
from vcpuid.probe import DEFAULT_LIMIT_S, choose_accelerator, list_models, probe
from vcpuid.render.page import Page, printable
from vcpuid.render.probe import probe_document, render_probe
from vcpuid.terms.dump import Dump
from vcpuid.terms.guest import Accelerator
from vcpuid.terms.probed import ProbeResult

_WRITTEN = [name for name, entry in FORMATS.items() if entry.is_written]
_SUFFIXES = {"json": ".json", "firecracker": ".json", "libvirt": ".xml"}
_UNDECIDED = 4


@click.command()
@click.argument("cpu", required=False, metavar="[CPU-STRING]")
@click.option(
    "--accel",
    type=click.Choice([accelerator.value for accelerator in Accelerator]),
    help="Who runs the guest; else KVM where it may be used here, TCG where not.",
)
@click.option("--qemu", metavar="PATH", help="The QEMU to start; else the first of the usual places.")
@click.option("--machine", metavar="TYPE", default="pc", show_default=True, help="The machine, as for -machine.")
@click.option("--smp", metavar="N[,...]", default="1", show_default=True, help="CPUs and topology, as for -smp.")
@click.option("--switched-on", is_flag=True, help="CPUID with all on that the CPU takes in CR4, XCR0, IA32_XSS.")
@click.option("-a", "--all", "every_field", is_flag=True, help="Also every field of every leaf.")
@click.option("-r", "--raw", is_flag=True, help="The registers alone, as `cpuid -r` writes them.")
@click.option("--to", "target", type=click.Choice(_WRITTEN), help="A dump of this format, as `convert` writes it.")
@click.option("--all-models", is_flag=True, help="Every model of this QEMU, a dump each; needs -o DIR.")
@click.option("-o", "--output", metavar="FILE", help="Write there; with --all-models a folder.")
@click.option(
    "--timeout",
    metavar="S",
    type=click.FloatRange(0, 3600, min_open=True),
    default=DEFAULT_LIMIT_S,
    show_default=True,
    help="Seconds that a guest may take.",
)
@output_options
def command(
    cpu: str | None,
    *,
    accel: str | None,
    qemu: str | None,
    machine: str,
    smp: str,
    target: str | None,
    output: str | None,
    timeout: float,
    output_format: str,
    switched_on: bool,
    every_field: bool,
    raw: bool,
    all_models: bool,
) -> int:
    """Boot a guest with this -cpu and show the CPU that it really sees.

    QEMU is started with a small program of vcpuid's in the place of its firmware: no disk, no network, no
    configuration, and nothing is left behind. What QEMU warns of is told on standard error. The guest is held
    against what the rules of its QEMU predict; under KVM a difference is a finding about this host's KVM.

    \b
    vcpuid probe Haswell,-avx2                    a summary, as `decode` gives
    vcpuid probe max --accel tcg --all            and every field
    vcpuid probe host --raw | vcpuid decode -
    vcpuid probe EPYC --smp 4,sockets=2 --to json -o epyc.json
    vcpuid probe --all-models --accel tcg -o models/

    Exit status: 0 done, 1 `enforce` forbids this guest, 2 QEMU refuses it, 4 it cannot be had here, or with
    --all-models one of them cannot.
    """
    given = _forms(raw=raw, to=target, all=every_field, format=output_format == "json")
    accelerator = choose_accelerator(accel)

    def run(string: str) -> ProbeResult:
        return probe(string, accelerator=accelerator, machine=machine, smp=smp, qemu=qemu, limit_s=timeout)

    def dump_text(result: ProbeResult, form: str) -> str:
        return _dump_text(result.switched_on if switched_on else result.dump, form)

    if all_models:
        if cpu is not None or output is None or given not in ([], ["--to"]):
            raise UsageError(
                "--all-models writes a dump of every model",
                expected="-o DIR, perhaps --to FORMAT, and no CPU-STRING or other form",
            )
        form = target or "json"
        models = list_models(accelerator, qemu=qemu, limit_s=timeout)
        return _write_models(models, lambda model: dump_text(run(model), form), Path(output), _suffix(form))
    if cpu is None:
        raise UsageError("no CPU-STRING", next_step="The value of -cpu, as in `vcpuid probe Haswell,-avx2`.")
    result = run(cpu)
    for warning in result.warnings:
        tell(f"QEMU: {printable(warning)}")
    if raw:
        _write(write_dump(result.switched_on if switched_on else result.dump, "cpuid"), output)
    elif target:
        _write(dump_text(result, target), output)
    elif output_format == "json":
        _write(json.dumps(probe_document(result, _foresee(result)), indent=2) + "\n", output)
    else:
        page = render_probe(result, _foresee(result), every_field=every_field, switched_on=switched_on)
        _write_page(page, output)
    return 0


def _foresee(result: ProbeResult) -> Foreseen | None:
    """Hold the guest against what QEMU's rules predict, under KVM with the list of this host's."""
    host = None
    if result.accelerator is Accelerator.KVM:
        kvm = Evidence(snapshot_here(Options(only=("kvm",)))).kvm
        if isinstance(kvm, Gap):
            return None
        host = kvm.given
    return foresee(result, host)


def _forms(**wanted: object) -> list[str]:
    """Give the options that choose a form of output.

    Raises:
        UsageError: There is more than one.
    """
    given = [f"--{option}" for option, value in wanted.items() if value]
    if len(given) > 1:
        raise UsageError("more than one form of output", found=" ".join(given), expected="one of them")
    return given


def _write_page(page: Page, output: str | None) -> None:
    if output is None or output == "-":
        write_page(page)
    else:
        _write(page.plain(), output)


def _dump_text(dump: Dump, form: str) -> str:
    for loss in find_losses(dump, form):
        if loss.kind != "missing":  # a probe's dump lacks no row
            tell(f"{form} cannot hold {loss.sentence}")
    return write_dump(dump, form)


def _write(text: str, output: str | None) -> None:
    if output is None or output == "-":
        click.echo(text, nl=False)
    else:
        write_whole(Path(output), text.removesuffix("\n"))


def _suffix(form: str) -> str:
    return _SUFFIXES.get(form, ".txt")


def _write_models(models: tuple[str, ...], read: Callable[[str], str], folder: Path, suffix: str) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder cannot be made: {error.strerror}", source=str(folder)) from error
    failures = 0
    with _progress() as progress:
        for number, model in enumerate(models, 1):
            progress(f"{number} of {len(models)}: {model}")
            try:
                text = read(model)
            except VcpuidError as error:
                failures += 1
                tell(f"{model}: {error}")
            else:
                write_whole(folder / f"{model}{suffix}", text.removesuffix("\n"))
    tell(f"{len(models) - failures} of {len(models)} models written to {folder}")
    return _UNDECIDED if failures else 0


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show the model that is being asked, on a terminal; nothing off it."""
    if not sys.stderr.isatty():
        yield lambda _text: None
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it

    with Console(stderr=True).status("probing") as status:
        yield lambda text: status.update(f"probing {text}")
