"""Spark, as its user has configured it: nothing here names a master.

A session that runs already is used. Else Spark's own configuration decides: `spark-defaults.conf` below SPARK_HOME
or SPARK_CONF_DIR, PYSPARK_SUBMIT_ARGS, SPARK_REMOTE. Executors open the files of a store themselves, by path.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar, cast

from vcpuid.errors import InputError, UndecidedError, how_to_install

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_TYPES: Final = {"VARCHAR": "STRING", "MAP(VARCHAR, VARCHAR)": "MAP<STRING, STRING>"}
"""DuckDB's names of types to Spark's, where they differ."""

_NO_JAVA: Final = (
    "JAVA_HOME is not set",
    "java: not found",
    "java: command not found",
    "No such file or directory",
)
_TASKS_PER_CORE: Final = 4
_MOST_PER_TASK: Final = 10_000
_MOST_LOG_BYTES: Final = 64 * 1024
_CONFIGURE: Final = (
    "Say which cluster in spark-defaults.conf (SPARK_HOME, SPARK_CONF_DIR), in PYSPARK_SUBMIT_ARGS, as in"
    " '--master spark://HOST:7077 pyspark-shell', or in SPARK_REMOTE; or leave out --engine."
)


class Spark:
    """A session of its own on the Spark that is configured; it ends what it has started.

    Raises:
        UndecidedError: PySpark or Java is not installed, or the cluster cannot be reached.
    """

    def __init__(self) -> None:
        try:
            from pyspark.errors import PySparkException  # noqa: PLC0415 - only who asks Spark must have it
        except ImportError:
            raise UndecidedError(
                "the engine `spark` needs PySpark, which is not installed",
                next_step=how_to_install("fleet", "spark"),
            ) from None
        from py4j.protocol import Py4JError  # noqa: PLC0415 - the same; PySpark brings it

        self._errors: tuple[type[Exception], ...] = (PySparkException, Py4JError)
        whole, self._is_ours = _start(self._errors)
        self._whole = whole
        self.session = whole.newSession()

    def close(self) -> None:
        """End the session, and Spark where we have started it."""
        if self._is_ours:
            self._whole.stop()

    def view(self, name: str, files: Sequence[Path], columns: Mapping[str, str]) -> None:
        """Give Parquet files a name in SQL; without files it is an empty table of these columns.

        Columns that none of the files has, being older, are null.

        Raises:
            InputError: A file is gone or damaged, or Spark cannot see it.
        """
        if files:
            read = self.session.read.option("mergeSchema", value=True)
            told = self._try(lambda: read.parquet(*(_url(file) for file in files)))
            nulls = [
                f"CAST(NULL AS {_TYPES.get(kind, kind)}) AS {column}"
                for column, kind in columns.items()
                if column not in told.columns
            ]
            frame = self._try(lambda: told.selectExpr("*", *nulls))
        else:
            empty = ", ".join(
                f"CAST(NULL AS {_TYPES.get(kind, kind)}) AS {name}" for name, kind in columns.items()
            )
            frame = self._ask(f"SELECT {empty} WHERE false")
        self._try(lambda: frame.createOrReplaceTempView(name))

    def keep(self, name: str, query: str, parameters: Sequence[object] = ()) -> None:
        """Give the rows of a query a name in SQL.

        Raises:
            InputError: Spark failed.
        """
        frame = self._ask(query, parameters)
        self._try(lambda: frame.createOrReplaceTempView(name))

    def run(self, query: str, parameters: Sequence[object] = ()) -> None:
        """Run a statement.

        Raises:
            InputError: Spark failed.
        """
        self._ask(query, parameters)

    def rows(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Give the rows of a query.

        Raises:
            InputError: Spark failed: a file is gone, damaged, or not on a path that its workers share.
        """
        frame = self._ask(query, parameters)
        return [tuple(row) for row in self._try(frame.collect)]

    def table(self, query: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Give the names of a query's columns, and its rows.

        Raises:
            InputError: As `rows`.
        """
        frame = self._ask(query)
        return tuple(frame.columns), [tuple(row) for row in self._try(frame.collect)]

    def spread(
        self, work: Callable[[Iterable[_Item]], Iterable[_Result]], items: Sequence[_Item]
    ) -> Iterator[_Result]:
        """Let the workers do what can be done to portions of a list, and give the results in its order.

        Results wait on the workers' disks, so that neither side needs memory for all of them.

        Raises:
            InputError: Spark failed; a worker's Python has no vcpuid.
        """
        if not items:
            return
        from pyspark import StorageLevel  # noqa: PLC0415 - only who asks Spark must have it

        context = self._try(lambda: self.session.sparkContext)
        slices = min(len(items), max(_TASKS_PER_CORE * context.defaultParallelism, len(items) // _MOST_PER_TASK))
        results = context.parallelize(items, slices).mapPartitions(work).persist(StorageLevel.DISK_ONLY)
        self._try(results.count)
        try:
            left = self._try(results.toLocalIterator)
            end = object()
            while (result := self._try(lambda: next(left, end))) is not end:
                yield cast("_Result", result)
        finally:
            results.unpersist()

    def _ask(self, query: str, parameters: Sequence[object] = ()) -> DataFrame:
        return self._try(lambda: self.session.sql(query, args=list(parameters) or None))

    def _try(self, action: Callable[[], _Result]) -> _Result:
        try:
            return action()
        except self._errors as error:
            if "No module named 'vcpuid'" in str(error):
                raise InputError(
                    "the Python of Spark's workers has no vcpuid, which is to read documents there",
                    source="Spark",
                    next_step="Install this vcpuid on the workers, or send it along as an environment:"
                    " spark.archives and PYSPARK_PYTHON.",
                ) from error
            raise InputError(
                f"Spark failed: {_first_line(error)}",
                source="fleet store",
                next_step="The store has to lie on a path that the driver and all workers share. If a file of it"
                " is damaged or gone, take out its snapshot and ingest it again.",
            ) from error


def _start(errors: tuple[type[Exception], ...]) -> tuple[SparkSession, bool]:
    """Give the session of this process, and whether it was started for us."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - only who asks Spark must have it

    running = SparkSession.getActiveSession()
    if running is not None:
        return running, False
    with tempfile.TemporaryFile() as log:
        try:
            if "SPARK_REMOTE" not in os.environ:
                _start_java(log)
            return SparkSession.builder.getOrCreate(), True
        except Exception as error:
            if not isinstance(error, (*errors, OSError, ImportError)):
                raise
            told = _tail(log)
            if any(sign in told for sign in _NO_JAVA):
                raise UndecidedError(
                    "Spark needs Java, which is not installed",
                    next_step="Install a Java 17 runtime (Debian: default-jre-headless), or set JAVA_HOME.",
                ) from error
            raise UndecidedError(
                f"Spark cannot be started: {_reason(told) or _first_line(error)}", next_step=_CONFIGURE
            ) from error


def _start_java(log: IO[bytes]) -> None:
    """Start the driver's Java with its log in a file: a terminal is for answers.

    It reads Spark's configuration as `spark-submit` does, and ends with this process.
    """
    from pyspark import SparkConf, SparkContext  # noqa: PLC0415 - only who asks Spark must have it
    from pyspark.java_gateway import launch_gateway  # noqa: PLC0415 - the same

    conf = SparkConf(loadDefaults=False).setAppName("vcpuid").set("spark.ui.showConsoleProgress", "false")
    gateway = launch_gateway(conf, popen_kwargs={"stdout": log, "stderr": log})  # type: ignore[no-untyped-call]
    SparkContext(gateway=gateway).setLogLevel("ERROR")


def _url(file: Path) -> str:
    """Give the address of a file by path; Spark takes some characters for patterns."""
    path = "".join(f"\\{sign}" if sign in "[]{}*?\\" else sign for sign in str(file.absolute()))
    return f"file://{path}"


def _tail(log: IO[bytes]) -> str:
    size = log.seek(0, os.SEEK_END)
    log.seek(max(0, size - _MOST_LOG_BYTES))
    return log.read().decode(errors="replace")


def _reason(log: str) -> str:
    """Give the last error that Java logged: the cause stands last."""
    told = [line for line in log.splitlines() if " ERROR " in line or line.startswith(("Error:", "Caused by:"))]
    return " ".join(told[-1].rpartition(" ERROR ")[2].split()) if told else ""


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
