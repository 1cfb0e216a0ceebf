"""The example playbook, run by the real Ansible against this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fleets import READER, columns, content
from programs import needs
from vcpuid.fleet.record import HostRow, read_host
from vcpuid.fleet.store import Store

pytestmark = needs("ansible-playbook", package="ansible-core")

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "ansible"
NOWHERE = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1, "zone": "south"}


class Played(NamedTuple):
    """What a run left: its folder, Ansible's words, and the host by the snapshot that the collector wrote."""

    folder: Path
    told: str
    host: HostRow


def vcpuid(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vcpuid", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Run the playbook for this machine, and a host that cannot be reached."""
    folder = tmp_path_factory.mktemp("ansible") / "a copy"
    shutil.copytree(EXAMPLE, folder)
    here = {"ansible_connection": "local", "zone": "north", "cluster": "r7"}
    inventory = {"hypervisors": {"hosts": {"h07": here, "h08": NOWHERE}}}
    (folder / "inventory.yml").write_text(json.dumps(inventory), encoding="utf-8")
    variables = {"vcpuid": f"{sys.executable} -m vcpuid", "facts_folder": str(folder / "facts.d")}
    settings = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    done = subprocess.run(
        ["ansible-playbook", "collect.yml", "--extra-vars", json.dumps(variables)],
        cwd=folder,
        env={
            **settings,
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
            "ANSIBLE_HOME": str(folder),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert "failed=1" not in done.stdout, done.stdout + done.stderr
    snapshot = (folder / "facts.d" / "vcpuid.fact").read_bytes()
    return Played(folder, done.stdout, read_host(snapshot, "f", "", READER))


def test_a_host_that_answers_is_in_the_store_with_its_labels(played: Played) -> None:
    (row,), _, configurations = content_of(played.folder / "fleet")
    expected = columns(played.host.labelled({"zone": "north", "cluster": "r7"}))
    assert row == expected
    assert configurations == {played.host.configuration.fingerprint: played.host.configuration}


def test_a_host_that_cannot_be_reached_is_told_and_left_out(played: Played) -> None:
    assert "UNREACHABLE" in played.told
    assert "h08" not in (played.folder / "labels.csv").read_text("utf-8")


def test_the_cache_of_facts_alone_gives_the_same_host(played: Played, tmp_path: Path) -> None:
    assert [path.name for path in (played.folder / "facts").iterdir()] == ["h07"]
    vcpuid("fleet", "ingest", str(played.folder / "facts"), "--store", str(tmp_path / "store"))
    (row,), _, _ = content_of(tmp_path / "store")
    assert row == columns(played.host)


def test_the_inventory_that_is_shown_is_one(tmp_path: Path) -> None:
    done = subprocess.run(
        ["ansible-inventory", "--inventory", str(EXAMPLE / "inventory.yml"), "--list"],
        env={**os.environ, "LC_ALL": "C.UTF-8", "ANSIBLE_LOCAL_TEMP": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    hosts = json.loads(done.stdout)["_meta"]["hostvars"]
    assert {(one["zone"], one["cluster"]) for one in hosts.values()} == {("north", "rack7"), ("south", "rack2")}


def content_of(folder: Path) -> tuple[list[dict[str, Any]], Any, Any]:
    """Give the hosts of a store's only snapshot by column, its guests and its configurations."""
    store = Store(folder)
    (date,) = store.dates
    _, guests, configurations = content(store, date)
    names, rows = store.fleet(date).engine.table("SELECT * FROM hosts")
    return [dict(zip(names, row, strict=True)) for row in rows], guests, configurations
