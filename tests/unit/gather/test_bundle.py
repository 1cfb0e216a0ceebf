"""The collector as one text, on the oldest Python that can be had."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import vcpuid
from programs import needs
from unit.gather.machines import GATHER, wait_until_gone, write_program
from vcpuid.decode.dynamic import stable_rows
from vcpuid.evidence.kvm import read_kvm
from vcpuid.gather.bundle import (
    COLLECTOR_MODULES,
    bundle_collector,
    bundle_cpuid_child,
    make_executable,
    module_source,
)
from vcpuid.gather.collect import SOURCE_NAMES
from vcpuid.snapshot import Snapshot

NOT_SENT = {"__main__", "remote"}


@cache
def pythons() -> tuple[str, ...]:
    """Return one interpreter of each Python version that is here, oldest first."""
    found: dict[tuple[int, int], str] = {}
    for minor in range(6, 15):
        name = f"python3.{minor}"
        for path in (
            shutil.which(name),
            *map(str, sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python"))),
        ):
            # pyenv's shims are there for versions that are not.
            if path and _answers(path, minor):
                found.setdefault((3, minor), path)
    found.setdefault((sys.version_info.major, sys.version_info.minor), sys.executable)
    return tuple(found[version] for version in sorted(found))


def _answers(path: str, minor: int) -> bool:
    done = subprocess.run(
        [path, "-c", "import sys; print(sys.version_info[1])"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() == str(minor)


def carry(folder: Path) -> Path:
    """Write the collector as a file, as `--bundle -o` does."""
    path = folder / "vcpuid-collect"
    done = run(sys.executable, bundle_collector(), "--bundle", "-o", str(path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return path


def evidence(command: list[str]) -> dict[str, Any]:
    """Run a collector, and give each source's evidence: no times, and in KVM's list no core's number."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
    assert (done.returncode, done.stderr) == (0, "")
    snapshot = Snapshot.parse(done.stdout.encode(), "standard output")
    document = json.loads(done.stdout)
    found: dict[str, Any] = document.pop("sources") | {"host": document["host"], "schema": document["schema"]}
    for name in SOURCE_NAMES:
        del found[name]["took_ms"]
    if (kvm := snapshot.record("kvm").data) is not None:
        found["kvm"]["data"]["supported_cpuid"] = stable_rows(read_kvm(kvm).supported)
    return found


def keep_common_processes(*found: dict[str, Any]) -> None:
    """Leave out the QEMU processes that not all found: other tests start and end them."""
    if all(one["processes"]["data"] for one in found):
        lists = [one["processes"]["data"]["processes"] for one in found]
        common = set.intersection(*({process["pid"] for process in one} for one in lists))
        for one in lists:
            one[:] = [process for process in one if process["pid"] in common]


def run(python: str, text: str, *arguments: str, cwd: Path | str = "/") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-", *arguments],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        timeout=60,
        env={"PATH": os.environ["PATH"]},
    )


def test_every_module_is_sent_but_those_that_send() -> None:
    assert {path.stem for path in GATHER.glob("*.py")} - NOT_SENT == set(COLLECTOR_MODULES)
    assert list(COLLECTOR_MODULES) == sorted(COLLECTOR_MODULES)


def test_the_modules_import_only_themselves_and_the_standard_library() -> None:
    imports = {
        line
        for path in GATHER.glob("*.py")
        for line in re.findall(r"^\s*(?:from|import) +(\S+)", path.read_text(), re.MULTILINE)
    }
    outside = {
        name for name in imports if not name.startswith(".") and name.split(".")[0] not in sys.stdlib_module_names
    }
    # Examples in docstrings are prose.
    assert outside <= {"the", "a"}


def test_the_text_is_ascii_and_can_be_read_line_by_line() -> None:
    text = bundle_collector()
    text.encode("ascii")
    assert "'_XGETBV_OFFSET = 64\\n'" in text


def test_it_needs_the_sources() -> None:
    with pytest.raises(LookupError, match="no_such_module"):
        module_source("no_such_module")


@pytest.mark.parametrize("python", {pythons()[0], pythons()[-1]})
def test_it_collects_on_the_oldest_and_the_newest_python(python: str) -> None:
    done = run(
        python, bundle_collector(), "--only", "cpuid,cpuinfo,kernel,kvm,sgx,nova,processes", "--marker", "here"
    )
    assert done.stderr == ""
    marker, document = done.stdout.splitlines()
    assert marker == "here"
    sources = json.loads(document)["sources"]
    assert sources["cpuid"]["state"] in ("ok", "partial")
    assert sources["cpuinfo"]["data"]["blocks"]
    assert sources["msr"]["state"] == "skipped"


@pytest.mark.parametrize("python", {pythons()[0], pythons()[-1]})
def test_it_finds_what_the_installed_command_finds(python: str, tmp_path: Path) -> None:
    carried = [python, "-I", str(carry(tmp_path)), "--timeout", "60"]
    installed = [sys.executable, "-m", "vcpuid", "collect", "--timeout", "60"]
    unlike = {"schema", "host", *SOURCE_NAMES}
    for _ in range(10):  # a guest that starts or ends meanwhile makes it another host
        found, expected = evidence(carried), evidence(installed)
        keep_common_processes(found, expected)
        assert found["cpuid"]["data"]["cpus"]
        unlike -= {name for name in unlike if found[name] == expected[name]}
        if not unlike:
            return
    assert unlike == set()


@pytest.mark.parametrize("python", {pythons()[0], pythons()[-1]})
def test_the_instructions_run_on_the_oldest_and_the_newest_python(python: str) -> None:
    done = run(python, bundle_cpuid_child(), "0")
    rows, xcr0 = map(json.loads, done.stdout.splitlines())
    assert "0.0" in rows["cpus"]["0"]
    assert "xcr0" in xcr0


def test_it_can_send_itself_on() -> None:
    text = bundle_collector()
    assert run(sys.executable, text, "--bundle").stdout == text


def test_the_file_says_what_it_is_and_how_it_is_run(tmp_path: Path) -> None:
    first, name, *others = carry(tmp_path).read_text().splitlines()
    assert first == "#!/usr/bin/python3 -I"
    assert name.startswith(f"# vcpuid-collect {vcpuid.__version__}: ")
    assert "# SPDX-License-Identifier: Apache-2.0" in others
    assert "vcpuid-collect -o host.json" in "".join(others[: others.index("import sys")])


@needs("/usr/bin/python3", package="python3")
def test_the_file_can_be_executed_where_it_may_be_read(tmp_path: Path) -> None:
    path = carry(tmp_path)
    mode = path.stat().st_mode
    assert mode & 0o111 == (mode & 0o444) >> 2 > 0
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"vcpuid-collect {vcpuid.__version__}\n", "")


def test_help_is_seen_through_a_pipe() -> None:
    done = run(sys.executable, bundle_collector(), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "--bundle" in done.stdout


def test_the_mode_of_a_device_is_left_alone() -> None:
    mode = Path("/dev/null").stat().st_mode
    make_executable("/dev/null")
    assert Path("/dev/null").stat().st_mode == mode


@pytest.mark.parametrize("python", pythons())
def test_every_python_makes_the_same_bytes(python: str, tmp_path: Path) -> None:
    again = tmp_path / "again"
    path = carry(tmp_path)
    subprocess.run([python, path, "--bundle", "-o", again], check=True)
    assert again.read_bytes() == path.read_bytes() == bundle_collector().encode("ascii")


@pytest.mark.parametrize("python", {pythons()[0], pythons()[-1]})
def test_modules_beside_the_file_are_not_taken_for_pythons(python: str, tmp_path: Path) -> None:
    path = carry(tmp_path)
    (tmp_path / "json.py").write_text("raise SystemExit('not that of Python')\n")
    for command in ([python, str(path)], [python, "-I", str(path)]):
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")


def test_an_old_python_is_told() -> None:
    text = bundle_collector().replace("(3, 6)", "(9, 9)")
    done = run(sys.executable, text)
    assert done.returncode == 1
    assert "needs Python 3.6 or newer" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--only", "cpu"], "no source 'cpu'"),
        (["--timeout", "0"], "no number of seconds"),
        (["--timeout", "soon"], "no number of seconds"),
        (["--virsh", "'"], "No closing quotation"),
        (["--virsh", ""], "an empty command"),
        (["--no-such-option"], "unrecognized arguments"),
    ],
)
def test_wrong_usage(arguments: list[str], complaint: str) -> None:
    done = run(sys.executable, bundle_collector(), *arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_output_goes_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    done = run(sys.executable, bundle_collector(), "--only", "sgx", "-o", str(path))
    assert (done.returncode, done.stdout) == (0, "")
    assert json.loads(path.read_text())["schema"] == "vcpuid-snapshot/1"
    done = run(sys.executable, bundle_collector(), "--only", "sgx", "-o", str(tmp_path / "no" / "folder"))
    assert done.returncode == 3
    assert "No such file or directory" in done.stderr


def test_an_output_that_takes_no_more_is_no_crash() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-", "--only", "sgx"],
            input=bundle_collector(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (3, "vcpuid-collect: standard output: No space left on device\n")


def test_an_interrupted_run_ends_and_leaves_nothing_behind(tmp_path: Path) -> None:
    started = tmp_path / "started"
    virsh = write_program(tmp_path / "virsh", f"#!/bin/sh\necho $$ >> {started}\nexec sleep 60\n")
    program = tmp_path / "collect.py"
    program.write_text(bundle_collector())
    command = [sys.executable, str(program), "--only", "domains", "--virsh", str(virsh), "--timeout", "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not (started.exists() and started.read_text().endswith("\n")):
            assert process.poll() is None
            time.sleep(0.02)
        process.terminate()
        printed, complaints = process.communicate(timeout=30)
    assert (process.returncode, printed, complaints) == (130, "", "")
    assert wait_until_gone(int(started.read_text()))
