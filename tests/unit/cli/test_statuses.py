"""Exit statuses mean the same in every command: 0 yes, 1 no, 2 usage, 3 bad input, 4 undecided."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest
from tools.commands import walk_commands

from fleets import documents
from map_defects import TINY, load_defects
from reports import whole_report, write_qemu
from sgx_hosts import sgx_document
from snapshots import cpuid, domain_xml, domains, kvm, row, rows, write_snapshot
from vcpuid.cli import run

FIRST_HOST, OTHER_HOST = (json.loads(line)["host"]["name"] for line in documents()[:2])
H07, NODE = "docs/examples/h07.json", "docs/examples/cluster/node-1.json"
HYGON, RENOIR = "tests/dumps/hygon.json", "tests/dumps/amd-renoir.json"

# Command, its arguments, the status. Words in braces are files that the fixture makes. A status that a command's
# help names has a row, or UNSEEN says which test shows it.
ROWS = (
    ("explain", "sgx", 0),
    ("explain", "", 2),
    ("explain", "nosuch", 2),
    ("decode", HYGON, 0),
    ("decode", f"{HYGON} --leaf x", 2),
    ("decode", "{missing}", 3),
    ("decode", "{damaged}", 3),
    ("convert", f"{HYGON} --to cpuid", 0),
    ("convert", f"{HYGON} --to nosuch", 2),
    ("convert", "{missing} --to cpuid", 3),
    ("diff", f"{HYGON} {HYGON}", 0),
    ("diff", f"{HYGON} {RENOIR}", 1),
    ("diff", HYGON, 2),
    ("diff", f"{HYGON} {{missing}}", 3),
    ("diff", "{whole} {partial}", 4),
    ("collect", "--bundle -o {tmp}/collector", 0),
    ("collect", "--nosuch", 2),
    ("why", f"aes --host {H07}", 0),
    ("why", f"sgx --host {H07}", 1),
    ("why", f"nosuch --host {H07}", 2),
    ("why", "aes --host {missing}", 3),
    ("why", f"aes --host {HYGON}", 3),
    ("why", "aes --host {empty}", 4),
    ("probe", "Haswell --accel tcg --qemu {qemu}/qemu", 0),
    ("probe", "Haswell --accel tcg --qemu {enforcing}/qemu", 1),
    ("probe", "", 2),
    ("probe", "nosuch --accel tcg --qemu {refusing}/qemu", 2),
    ("probe", "Haswell --accel kvm --qemu {closed}/qemu", 4),
    ("audit", "--host docs/examples/h10.json", 0),
    ("audit", f"--host {H07}", 1),
    ("audit", "--nosuch", 2),
    ("audit", "--host {missing}", 3),
    ("audit", "--host {empty}", 4),
    ("diagnose", "'invalid object type: memory-backend-epc'", 0),
    ("diagnose", "--nosuch", 2),
    ("diagnose", "{missing}", 3),
    ("diagnose", "'no message that anyone knows'", 4),
    ("guest", "docs/examples/web-1.xml --to qemu", 0),
    ("guest", "docs/examples/web-1.xml --to nova --strict", 1),
    ("guest", "docs/examples/web-1.xml --to nosuch", 2),
    ("guest", "{missing} --to qemu", 3),
    ("guest", "{host_model} --to qemu", 4),
    ("lint", f"docs/examples/nova.conf --host {H07}", 1),
    ("lint", "{plain}", 0),
    ("lint", "--nosuch", 2),
    ("lint", "docs/examples/web-1.xml --qemu-version nosuch", 2),
    ("lint", "{missing}", 3),
    ("map show", "sgx --map {map}", 0),
    ("map show", "nosuch --map {map}", 2),
    ("map show", "sgx --map {missing}", 3),
    ("map show", "sgx --host {empty}", 4),
    ("map entry", "sgx", 0),
    ("map entry", "nosuch", 2),
    ("map lint", "{map}", 0),
    ("map lint", "{bad_map}", 1),
    ("map lint", "--nosuch", 2),
    ("map lint", "{missing}", 3),
    ("map add", "umip --to {map} -o {tmp}/added", 0),
    ("map add", "avx512f --to {bad_map} -o {tmp}/refused", 1),
    ("map add", "sgx --to {map} -o {tmp}/again", 2),
    ("map add", "umip --to {missing}", 3),
    ("map sync", "--qemu-version 10.0 --shipped", 0),
    ("map sync", "--qemu-version 10.0 --to {bad_map} -o {tmp}/unsynced", 1),
    ("map sync", "", 2),
    ("map sync", "--host {missing}", 3),
    ("map sync", "--host {empty} --shipped", 4),
    ("compare", f"{H07} {H07}", 0),
    ("compare", f"{H07} {NODE}", 1),
    ("compare", H07, 2),
    ("compare", f"{H07} {{missing}}", 3),
    ("compare", f"{HYGON} {HYGON}", 4),
    ("baseline", f"{NODE} docs/examples/cluster/node-2.json", 0),
    ("baseline", f"{H07} {HYGON}", 1),
    ("baseline", "", 2),
    ("baseline", "{missing}", 3),
    ("sgx doctor", "--host {ready}", 0),
    ("sgx doctor", f"--host {H07}", 1),
    ("sgx doctor", "--nosuch", 2),
    ("sgx doctor", "--host {missing}", 3),
    ("sgx doctor", "--host {empty}", 4),
    ("sgx plan", "--host {ready} --guest 64M", 0),
    ("sgx plan", "--host {ready} --guest 2G", 1),
    ("sgx plan", "--host {ready}", 2),
    ("sgx plan", "--host {missing} --guest 64M", 3),
    ("sgx plan", "--host {empty} --guest 64M", 4),
    ("report", f"--host {H07} -o {{tmp}}/report.html", 0),
    ("report", f"--host {H07} --format nosuch", 2),
    ("report", "--host {missing}", 3),
    ("report", "--store {real} -o {tmp}/fleet.html", 0),
    ("report", "--store {missing}", 3),
    ("report", "--store {real} --at 1999-01-01", 2),
    ("report", f"--store {{real}} --host {H07}", 2),
    ("report", f"--host {H07} --before 2026-01-01", 2),
    ("serve", "--port x", 2),
    ("completion", "bash", 0),
    ("completion", "nosuch", 2),
    ("fleet ingest", f"{H07} --store {{tmp}}/new", 0),
    ("fleet ingest", f"{H07} {{damaged}} --store {{tmp}}/some", 1),
    ("fleet ingest", H07, 2),
    ("fleet ingest", "{damaged} --store {tmp}/none", 3),
    ("fleet summary", "--store {store}", 0),
    ("fleet summary", "", 2),
    ("fleet summary", "--store {missing}", 3),
    ("fleet missing", "avx2 --store {store}", 0),
    ("fleet missing", "sgx --store {store}", 1),
    ("fleet missing", "nosuch --store {store}", 2),
    ("fleet missing", "sgx --store {missing}", 3),
    ("fleet missing", "rdctl-no --store {store}", 4),
    ("fleet which-hosts", "Haswell-noTSX --store {real}", 0),
    ("fleet which-hosts", "EPYC --store {store}", 1),
    ("fleet which-hosts", "nosuch --store {store}", 2),
    ("fleet which-hosts", "EPYC --store {missing}", 3),
    ("fleet which-hosts", "Haswell-noTSX --store {store}", 4),
    ("fleet baseline", "--store {store}", 0),
    ("fleet baseline", "--store {mixed}", 1),
    ("fleet baseline", "--store {store} --at 1999-01-01", 2),
    ("fleet baseline", "--store {missing}", 3),
    ("fleet matrix", "--store {store}", 0),
    ("fleet matrix", "--store {real} --pair h07 node-1", 1),
    ("fleet matrix", "--store {store} --pair nobody nobody", 2),
    ("fleet matrix", "--store {missing}", 3),
    ("fleet matrix", f"--store {{store}} --pair {FIRST_HOST} {OTHER_HOST}", 4),
    ("fleet drift", "2026-01-01 2026-01-02 --store {store}", 0),
    ("fleet drift", "2026-01-01 2026-01-02 --store {real}", 1),
    ("fleet drift", "1999-01-01 2026-01-02 --store {store}", 2),
    ("fleet drift", "2026-01-01 2026-01-02 --store {missing}", 3),
    ("fleet drain", "node-1 --store {real}", 0),
    ("fleet drain", f"{FIRST_HOST} --store {{store}}", 1),
    ("fleet drain", "nobody --store {store}", 2),
    ("fleet drain", f"{FIRST_HOST} --store {{missing}}", 3),
    ("fleet drain", "h07 --store {odd}", 4),
    ("fleet what-if", f"--without {FIRST_HOST} --store {{store}}", 0),
    ("fleet what-if", "--want EPYC --store {store}", 1),
    ("fleet what-if", "--store {store}", 2),
    ("fleet what-if", "--want EPYC --store {missing}", 3),
    ("fleet what-if", "--want Penryn --store {store}", 4),
    ("fleet precheck", f"--target {H07} --store {{quiet}}", 0),
    ("fleet precheck", f"--target {H07} --store {{store}}", 1),
    ("fleet precheck", "--store {store}", 2),
    ("fleet precheck", "--target {missing} --store {store}", 3),
    ("fleet precheck", f"--target {NODE} --store {{odd}}", 4),
)
UNSEEN = {
    ("collect", 4): "test_collect.py::test_a_host_that_is_down_is_4_and_told",
    ("report", 4): "test_report.py::test_without_its_extra_it_says_what_to_install",
    ("serve", 0): "test_serve.py::test_it_says_where_it_is_answers_there_and_ends_quietly",
}
QEMUS = {
    "enforcing": "qemu: TCG doesn't support requested features\n",
    "refusing": "qemu: unable to find CPU model 'nosuch'\n",
    "closed": "Could not access KVM kernel module\nqemu: failed to initialize kvm\n",
}
"""What a QEMU says that ends at once."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    tmp = tmp_path_factory.mktemp("statuses")
    texts = {
        "damaged": '{"schema": "vcpuid-snapshot/1", ',
        "host_model": "<cpu mode='host-model'/>",
        "plain": "<cpu mode='custom' match='exact'><model>Haswell</model></cpu>",
        "ready": json.dumps(sgx_document("ready")),
        "lines.jsonl": "\n".join(line.decode() for line in documents()),
    }
    dump = [
        "CPU 0:",
        "   0x00000000 0x00: eax=0x00000007 ebx=0x756e6547 ecx=0x6c65746e edx=0x49656e69",
        "   0x00000001 0x00: eax=0x000506e3 ebx=0x00000000 ecx=0x00000000 edx=0x00000000",
        "   0x00000007 0x00: eax=0x00000000 ebx=0x00000020 ecx=0x00000000 edx=0x00000000",
    ]
    texts |= {"whole": "\n".join([*dump, ""]), "partial": "\n".join([*dump[:3], ""])}
    for name, text in texts.items():
        (tmp / name).write_text(text, encoding="utf-8")
    write_qemu(tmp / "qemu", report=whole_report())
    for name, said in QEMUS.items():
        write_qemu(tmp / name, stderr=said, status=1)
    write_snapshot(tmp / "empty")
    nobodys = domain_xml("<cpu mode='custom'><model>NoSuch</model></cpu>")
    sources = {
        "cpuid": cpuid(rows(_7_0=row())),
        "kvm": kvm(rows(_7_0=row())),
        "domains": domains(inactive=nobodys),
    }
    write_snapshot(tmp / "odd.json", **sources)
    load_defects()[0].spoil(tmp / "bad_map")
    ingests: dict[str, tuple[list[str | Path], ...]] = {
        "store": ([tmp / "lines.jsonl"], [tmp / "lines.jsonl"]),
        "real": ([NODE, H07], ["docs/examples/updated/node-1.json", H07]),
        "mixed": ([H07, HYGON],),
        "quiet": ([HYGON],),
        "odd": ([tmp / "odd.json", NODE],),
    }
    for store, dates in ingests.items():
        for day, paths in enumerate(dates, start=1):
            options = ["--store", str(tmp / store), "--at", f"2026-01-0{day}"]
            assert run(["fleet", "ingest", *(str(path) for path in paths), *options]) == 0
    return {"tmp": tmp, "missing": tmp / "nosuch", "map": TINY, **{path.stem: path for path in tmp.iterdir()}}


@pytest.mark.parametrize(("command", "arguments", "status"), ROWS, ids=str)
def test_the_status(
    files: dict[str, Path], capsys: pytest.CaptureFixture[str], command: str, arguments: str, status: int
) -> None:
    words = [word.format(**files) for word in shlex.split(f"{command} {arguments}")]
    assert run(words) == status, capsys.readouterr().err
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    if status in (2, 3):
        assert told.err.startswith(("vcpuid: ", "Usage: ")), told.err


def _leaves() -> dict[str, str]:
    """Give each command that is no group, and its help."""
    return {
        command.path.removeprefix("vcpuid "): command.command.help or ""
        for command in walk_commands()
        if not isinstance(command.command, click.Group)
    }


def _named(text: str) -> set[int]:
    """Give the statuses that a help names; every command has 2 besides."""
    said = re.search(r"Exit status: (.*?)(?:\n\n|$)", text, re.DOTALL)
    numbers = re.findall(r"(?<![\w-])([0-4])(?![\w-])", said[1]) if said else ["0"]
    return {2, *(int(number) for number in numbers)}


def test_every_status_of_every_command_is_shown() -> None:
    shown = {(command, status) for command, _, status in ROWS} | UNSEEN.keys()
    named = {(command, status) for command, text in _leaves().items() for status in _named(text)}
    assert not sorted(named - shown)
    assert not sorted({command for command, _ in shown} - _leaves().keys())
    assert not sorted(UNSEEN.keys() - named)


@pytest.mark.parametrize(("command", "status"), UNSEEN, ids=str)
def test_what_is_shown_elsewhere_is_there(command: str, status: int) -> None:
    path, _, name = UNSEEN[command, status].partition("::")
    assert f"def {name}(" in (Path(__file__).parent / path).read_text(encoding="utf-8")
