"""`vcpuid serve`: where it listens, and what it refuses."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fleets import fleet_rows, ingest
from programs import run_without
from vcpuid.cli import run
from vcpuid.fleet.store import Store

TOKEN = "0123456789abcdef"  # noqa: S105 - of a server that lives as long as a test


def test_it_says_where_it_is_answers_there_and_ends_quietly() -> None:
    command = [sys.executable, "-m", "vcpuid", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = urlsplit(line.split()[4])
        assert line == f"The explorer is at {address.geturl()} (Ctrl-C ends it)\n"
        connection = HTTPConnection(address.hostname or "", address.port or 0, timeout=30)
        connection.request("GET", "/api/v1/explain?q=sgx")
        answer = connection.getresponse()
        assert (answer.status, answer.headers["server"]) == (200, None)
        assert json.load(answer)["answers"][0]["feature"]["name"] == "sgx"
        connection.close()
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=30)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_without_a_store_it_needs_nothing_of_the_extra_for_fleets() -> None:
    program = (
        "import sys; sys.modules |= {'duckdb': None, 'numpy': None}; import vcpuid.web.server, vcpuid.cli.serve"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--listen", "192.0.2.7"], "--listen: others can reach this address, and there is no token"),
        (["--listen", "0.0.0.0"], "others can reach this address, and there is no token"),  # noqa: S104
        (["--listen", "0.0.0.0", "--token", TOKEN], "no name by which browsers reach it: found 0.0.0.0"),  # noqa: S104
        (["--listen", "::", "--token", TOKEN], "Give each with --name"),
        (["--name", "cpu.example"], "--name: others can ask by this name, and there is no token"),
        *[
            (["--token", TOKEN, "--name", name], "--name: not a name of a host")
            for name in ("https://a", "a:80", "a/b", "", "*", "a..b", "-a", "a.", "bücher.ch", "a" * 64, "a@b")
        ],
        (
            ["--listen", "198.51.100.7", "--token", TOKEN],
            "--listen takes an address of this machine",
        ),  # of the documentation's network: not ours
        (["--listen", "no such name"], "not an address of this machine"),
        (["--listen", ""], "not an address"),
        (["--listen", "127.0.0.1:8001"], "--listen takes a name or an address alone; --port gives the port."),
        (["--token", "short"], "not a token"),
        (["--token", ""], "not a token"),
        (["--token", "é" * 20], "not a token"),
    ],
)
def test_what_is_not_safe_or_not_possible_is_refused(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["serve", "--port", "0", *options]) == 2
    assert message in capsys.readouterr().err


def test_a_port_that_is_taken_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert run(["serve", "--port", str(port)]) == 2
    told = capsys.readouterr().err
    assert f"cannot listen: Address already in use: found 127.0.0.1 port {port}" in told
    assert "--port" in told


@pytest.mark.parametrize("package", ["jinja2", "starlette", "uvicorn"])
def test_without_its_extra_it_says_what_to_install(package: str) -> None:
    done = run_without(package, "serve", "--port", "0")
    assert done.returncode == 4
    assert f"the explorer needs {package}, which is not installed" in done.stderr
    assert "prepare_venv.py web" in done.stderr


def test_it_serves_the_fleet_of_a_store(tmp_path: Path) -> None:
    ingest(Store(tmp_path / "store"), fleet_rows()[:9])
    command = [sys.executable, "-m", "vcpuid", "serve", "--port", "0", "--store", str(tmp_path / "store")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = urlsplit(process.stdout.readline().split()[4])
        connection = HTTPConnection(address.hostname or "", address.port or 0, timeout=30)
        connection.request("GET", "/api/v1/fleet")
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)["hosts"]) == (200, 9)
        connection.close()
        process.send_signal(signal.SIGINT)
    assert process.returncode == 0


def test_a_folder_without_a_store_is_told_at_the_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (tmp_path, tmp_path / "nothing"):
        assert run(["serve", "--port", "0", "--store", str(folder)]) == 3
        told = capsys.readouterr().err
        assert "not a fleet store" in told
        assert "vcpuid fleet ingest" in told
