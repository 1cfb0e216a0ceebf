"""A Spark standalone cluster on loopback: a master and two workers, all real, that end with the test."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

from programs import needs

_WORKERS = 2
_PATIENCE_SECONDS = 60
_LOCAL = "127.0.0.1"


def needs_spark() -> list[pytest.MarkDecorator]:
    """Skip the test where PySpark or Java is not installed."""
    without = pytest.mark.skipif(find_spec("pyspark") is None, reason="needs PySpark (the extra `spark`)")
    return [without, needs("java", package="default-jre-headless")]


@contextmanager
def spark_cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Start a cluster that keeps its files in a folder, and give the variables that PySpark finds it by."""
    with ExitStack() as stack:
        master = _start(stack, folder, "master", "Master", [])
        address = _await(master, r"Starting Spark master at (spark://\S+)")
        for number in range(_WORKERS):
            own = ["--cores", "2", "--memory", "2g", "--work-dir", str(folder / f"work-{number}"), address]
            worker = _start(stack, folder, f"worker-{number}", "Worker", own)
            _await(worker, "(Successfully registered with master)")
        settings = {
            "spark.driver.bindAddress": _LOCAL,
            "spark.driver.host": _LOCAL,
            "spark.driver.memory": "768m",
            "spark.executor.memory": "768m",
            "spark.cores.max": str(_WORKERS),  # one of each worker; another application has the others
            "spark.sql.shuffle.partitions": str(_WORKERS),
            "spark.ui.enabled": "false",
        }
        conf = " ".join(f"--conf {name}={value}" for name, value in settings.items())
        yield {"PYSPARK_SUBMIT_ARGS": f"--master {address} {conf} pyspark-shell", "PYSPARK_PYTHON": sys.executable}


def _start(stack: ExitStack, folder: Path, name: str, role: str, arguments: list[str]) -> Path:
    """Start one of the cluster's programs, and give its log."""
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    home = Path(spec.origin).parent
    log = folder / f"{name}.log"
    common = ["--host", _LOCAL, "--port", "0", "--webui-port", "0"]
    program = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{role.lower()}.{role}"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*program, *common, *arguments],
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": _LOCAL, "SPARK_DAEMON_MEMORY": "256m"},
            start_new_session=True,
        )
    stack.callback(_stop, process)
    return log


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a program; a worker ends its executors when it is told to, so that it gets the time."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await(log: Path, pattern: str) -> str:
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        found = re.search(pattern, log.read_text(encoding="utf-8", errors="replace"))
        if found:
            return found[1]
        time.sleep(0.1)
    raise TimeoutError(f"{log.name} never told {pattern!r}:\n{log.read_text(encoding='utf-8', errors='replace')}")
