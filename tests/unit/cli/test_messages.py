"""Messages of commands that no other test reads: each is triggered once, whole, with its status."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest

from map_defects import TINY
from snapshots import cpuid, domains, row, rows, write_snapshot
from vcpuid.cli import run

H07, NOVA_CONF = "docs/examples/h07.json", "docs/examples/nova.conf"
NO_HOST_MODEL = """<domainCapabilities><domain>qemu</domain>
<cpu><mode name='host-model' supported='no'/></cpu></domainCapabilities>"""
TWICE = """<cpu mode='custom'><model>Haswell</model>
<feature policy='require' name='avx'/>
<feature policy='disable' name='avx'/></cpu>"""
FILES = {
    "void": "",
    "array": "[1]",
    "no_host_model": NO_HOST_MODEL,
    "twice": TWICE,
    "no_yaml.yaml": "apiVersion: kubevirt.io/v1\nspec: {domain: {cpu: [\n",
    "flavors.json": '[{"Name": "m1", "ID": "1", "RAM": 512, "VCPUs": 1}]',
    "aggregates.json": '[{"Name": "a", "ID": 1, "Availability Zone": null}]',
    "inventory.json": '[{"resource_class": "VCPU", "total": "many"}]',
    "two.xml": "<cpu><model>Haswell</model></cpu>\n<cpu><model>Penryn</model></cpu>",
    "large": "[libvirt]\n" + "#" * (5 << 20),
    "host_cpu": "<cpu><arch>x86_64</arch><model>Haswell</model><vendor>Intel</vendor></cpu>",
    "digits": '{"schema": ' + "1" * 5000 + "}",
    "facts": '{"ansible_local": {"vcpuid": {}}}\n}',
    "void_flavor": '{"name": "m1"}',
    "h07-inventory.json": '[{"resource_class": "VCPU", "allocation_ratio": 1.0}]',
}
# Words in braces are files. What follows them is the status, and what the message has to say, in order.
ROWS: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    (
        "diagnose message --domain web-1",
        2,
        ("--domain needs the guest's host", "web-1", "--host FILE, or --host here"),
    ),
    ("diagnose ''", 2, ("no text to diagnose", "a message, a file, or - for standard input")),
    ("guest {void} --to qemu", 3, ("void: empty", "a nova.conf")),
    ("lint {void}", 3, ("void: empty", "expected")),
    ("compare {void} " + H07, 3, ("void: empty", "expected a snapshot, a dump, domain capabilities or a <cpu>")),
    ("decode {void}", 3, ("void: empty", "expected a CPUID dump")),
    ("why avx --host {void}", 3, ("void: empty", "expected a JSON document, schema vcpuid-snapshot/1")),
    ("decode ''", 3, ("'': cannot be read: No such file",)),
    ("decode 'a\0b'", 3, ("no path",)),
    ("decode {array} --from json", 3, ("not a JSON object",)),
    ("decode {snapshot}", 3, ("a snapshot in which no CPU was read",)),
    ("compare {no_host_model} " + H07, 3, ("these domain capabilities have no host-model", "--virttype kvm")),
    ("compare {twice} " + H07, 3, ("twice:3: the CPU feature is named twice, which libvirt refuses", "'avx'")),
    ("audit --host " + H07 + " -o {tmp}/x", 2, ("--output is for documents", "--format prometheus")),
    ("baseline " + H07 + " --placement {flavors}", 2, ("--placement is read for Nova", "--for nova")),
    ("baseline " + H07 + " --for nova --placement {flavors}", 3, ("flavors without their extra specs", "--long")),
    ("baseline " + H07 + " --for nova --placement {aggregates}", 3, ("aggregates without their hosts", "--long")),
    ("baseline " + H07 + " --for nova --placement {h07-inventory}", 3, ("an inventory without a total",)),
    ("why avx --host " + H07 + " --nova-conf " + NOVA_CONF + " --flavor {array}", 3, ("array: no ", "expected")),
    ("""why avx --virsh 'docker "exec'""", 2, ("--virsh: ", "docker")),
    ("map add umip", 2, ("no map to add to", "--to DIR, a copy of a map")),
    ("map sync", 2, ("which QEMU?", "one of --qemu-version VERSION and --host FILE")),
    ("probe", 2, ("no CPU-STRING", "vcpuid probe Haswell,-avx2")),
    ("probe Haswell --all-models", 2, ("--all-models writes a dump of every model", "-o DIR", "no CPU-STRING")),
    ("probe help", 2, ("asks QEMU for its help", "'help'")),
    ("guest {no_yaml} --from kubevirt --to qemu", 3, ("no_yaml.yaml:", "not YAML")),
    ("lint {large}", 3, ("large: too large", "expected at most")),
    ("sgx plan --host " + H07 + " --flavors {large}", 3, ("large: too large for flavors", "expected at most")),
    (
        "baseline " + H07 + " --for nova --placement - --placement -",
        2,
        ("standard input is named twice", "at most one -"),
    ),
    ("baseline " + H07 + " --for nova --placement {inventory}", 3, ("total is no number", "'many'")),
    ("map add umip --to {map} -o {void}/new", 3, ("void", "the folder cannot be made")),
    ("fleet ingest {two} --store {tmp}/new", 3, ("several CPUs in one file", "expected one host")),
    ("fleet ingest " + H07 + " --labels {tmp}/none --store {tmp}/new", 3, ("none: cannot be read: No such file",)),
    ("fleet summary --store {store}", 3, ("DuckDB failed", "ingest it again")),
    (
        "fleet ingest - --store {tmp}/new --engine spark",
        2,
        ("standard input cannot be read by many",),
    ),
    (
        "fleet ingest {host_cpu} --store {tmp}/new",
        3,
        ("tells nothing that a fleet can be asked for",),
    ),
    (
        "compare {without_xml} " + H07 + " --domain web-1",
        3,
        ("the domain's XML is not in the snapshot: found web-1",),
    ),
    ("map add umip --to {folder_map}", 3, ("folder_map/z.xml: cannot be read: Is a directory",)),
    ("map show sgx --map {folder_map}", 3, ("folder_map/z.xml: cannot be read: Is a directory",)),
    ("map show sgx --map {stepping_map}", 3, ("x86_Newer.xml:5: stepping is none", "'x'", "numbers of 0 to 15")),
    ("collect ssh://h07:x", 2, ("the port is no number", "'ssh://h07:x'", "ssh://[user@]host[:port]")),
    ("decode {array}", 3, ("array: ", "no known form of a CPUID dump")),
    ("why avx --host {array}", 3, ("not a snapshot: found a list, expected an object",)),
    ("why avx --host {digits}", 3, ("not JSON (a number of thousands of digits)",)),
    ("why avx --host {bytes}", 3, ("not JSON (not UTF-8)",)),
    (
        "fleet ingest {facts} --store {tmp}/new",
        3,
        ("facts:2: not JSON (extra data at column 1)",),
    ),
    ("fleet ingest " + H07 + " --labels {bytes} --store {tmp}/new", 3, ("bytes: not UTF-8: expected a CSV file",)),
    (
        "why avx --host " + H07 + " --nova-conf " + NOVA_CONF + " --flavor {void_flavor}",
        3,
        ("vcpus is no number of at least 1: found nothing (null)",),
    ),
    ("serve --listen nosuch.invalid", 2, ("--listen: not an address of this machine: ", "found nosuch.invalid")),
    (
        "serve --listen 0.0.0.0",
        2,
        ("--listen: others can reach this address, and there is no token",),
    ),
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    tmp = tmp_path_factory.mktemp("messages")
    for name, text in FILES.items():
        (tmp / name).write_text(text, encoding="utf-8")
    (tmp / "bytes").write_bytes(b'host\xff"schema"')
    write_snapshot(tmp / "snapshot", cpuid=cpuid())
    write_snapshot(tmp / "without_xml", cpuid=cpuid(rows(_7_0=row())), domains=domains())
    shutil.copytree(TINY, tmp / "folder_map")
    (tmp / "folder_map/z.xml").mkdir()
    shutil.copytree(TINY, tmp / "stepping_map")
    newer = tmp / "stepping_map/x86_Newer.xml"
    newer.write_text(newer.read_text(encoding="utf-8").replace("stepping='0-7'", "stepping='x'"), encoding="utf-8")
    assert run(["fleet", "ingest", H07, "--store", str(tmp / "store")]) == 0
    for table in (tmp / "store").rglob("*.parquet"):
        table.write_bytes(b"PAR1 no table PAR1")
    return {"tmp": tmp, "map": TINY, **{path.stem: path for path in tmp.iterdir()}}


@pytest.mark.parametrize(("line", "status", "parts"), ROWS, ids=[line for line, _, _ in ROWS])
def test_the_message_is_told(
    files: dict[str, Path], capsys: pytest.CaptureFixture[str], line: str, status: int, parts: tuple[str, ...]
) -> None:
    words = [word.format(**files) for word in shlex.split(line)]
    assert run(words) == status
    told = capsys.readouterr().err
    assert told.startswith("vcpuid: ")
    place = 0
    for part in parts:
        assert part in told[place:], told
        place = told.index(part, place)


def test_an_error_is_a_document_where_one_was_asked_for(
    files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["decode", str(files["void"]), "--format", "json"]) == 3
    told = capsys.readouterr()
    document = json.loads(told.out or told.err)
    assert (document["message"], document["expected"]) == ("empty", "a CPUID dump")
