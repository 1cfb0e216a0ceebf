"""Made-up machines and programs for the collector's tests."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vcpuid.gather.look import Look
from vcpuid.gather.options import Options
from vcpuid.gather.record import Problems
from vcpuid.gather.runner import Gather

REPOSITORY = Path(__file__).resolve().parents[3]
GATHER = REPOSITORY / "src" / "vcpuid" / "gather"
SCHEMA = REPOSITORY / "src" / "vcpuid" / "snapshot" / "schema.json"


def write_tree(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below a folder that stands for `/`."""
    for name, content in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def write_process(root: Path, pid: int, exe: str, arguments: list[str]) -> None:
    """Write a process's folder in /proc."""
    write_tree(root, {f"/proc/{pid}/cmdline": b"".join(word.encode() + b"\0" for word in arguments)})
    (root / f"proc/{pid}/exe").symlink_to(exe)


def write_program(path: Path, text: str) -> Path:
    """Write an executable script."""
    path.write_text(text)
    path.chmod(0o755)
    return path


def look_at(root: Path, limit_s: float = 5.0) -> Look:
    return Look(str(root), limit_s)


def gather(
    source: Gather, root: Path | str = "", options: Options | None = None
) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Run one source and return its data and problems."""
    problems = Problems()
    data = source(Look(str(root), 10.0), options or Options(), problems)
    return data, problems.as_json()


def wait_until_gone(pid: int, limit_s: float = 5.0) -> bool:
    """Tell whether a process ends within the time limit (a zombie has ended)."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def strings_of(document: object) -> str:
    """Return a document as text, as it would be mailed."""
    return json.dumps(document, ensure_ascii=False)


def is_root() -> bool:
    return os.geteuid() == 0


_FAKE_VIRSH = """\
#!{python}
import json, sys
answers = json.load(open({answers!r}))
with open({log!r}, "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
for question in sys.argv[-1].split("; "):
    if question.startswith("echo "):
        print(question[5:], end="", flush=True)
        continue
    kind, text = answers.get(question, ["error", "unknown command: " + question])
    if kind == "error":
        print("error: " + text, file=sys.stderr, flush=True)
    elif kind == "exit":
        sys.exit("error: " + text)
    elif kind == "hang":
        import time
        time.sleep(60)
    else:
        print(text, flush=True)
"""


class FakeVirsh:
    """A program that answers like virsh: a table from question to ("text", "error", "exit" or "hang", text)."""

    def __init__(self, folder: Path, answers: Mapping[str, tuple[str, str]]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "log"
        table = folder / "answers.json"
        table.write_text(json.dumps(answers))
        text = _FAKE_VIRSH.format(python=sys.executable + " -IS", answers=str(table), log=str(self._log))
        self.path = write_program(folder / "virsh", text)

    @property
    def options(self) -> Options:
        return Options(virsh=(str(self.path),))

    def calls(self) -> list[list[str]]:
        """Return the arguments of each run so far."""
        return [json.loads(line) for line in self._log.read_text().splitlines()] if self._log.exists() else []
