"""virsh as our way to ask libvirt: many questions in one process, each answer told apart."""

import os
from typing import List, NamedTuple, Optional, Sequence

from .commands import no_answer
from .look import Look
from .options import Options
from .record import NothingFoundError, Problems, describe_os_error

# One argument of a command may be 128 KiB long (Linux MAX_ARG_STRLEN).
_SCRIPT_LIMIT_BYTES = 100 * 1024

PROBING_REMEDY = (
    "libvirtd may be probing QEMU at each call: see that /dev/kvm is open to QEMU's user; or raise --timeout"
)


class Answer(NamedTuple):
    """What virsh printed for one question, and its error if it had one."""

    text: str
    error: str


class Virsh:
    """A virsh command, with its connection pinned.

    Raises:
        NothingFoundError: virsh is not there; the problem is noted.
    """

    def __init__(self, look: Look, options: Options, problems: Problems) -> None:
        self._look = look
        self._uri = options.uri
        self._problems = problems
        found = list(options.virsh) or [path for path in [look.which("virsh")] if path]
        if not found:
            problems.add("virsh", "not found", "install libvirt-clients, or give --virsh")
            raise NothingFoundError
        self.command: List[str] = found

    @property
    def path(self) -> str:
        """The command as one text."""
        return " ".join(self.command)

    def ask(self, questions: Sequence[str], what: str, *, read_only: bool = True) -> List[Optional[Answer]]:
        """Ask in one process (few for very many questions); None stands for what was not answered."""
        answers: List[Optional[Answer]] = []
        # Not guessable: what a guest's XML says must not pass for the end of an answer.
        marker = "vcpuid-%s" % os.urandom(8).hex()
        for chunk in _chunks(questions, len(marker) + len("; echo ; ")):
            answers.extend(self._ask_chunk(chunk, marker, what, read_only=read_only))
        return answers

    def _ask_chunk(
        self, questions: List[str], marker: str, what: str, *, read_only: bool
    ) -> List[Optional[Answer]]:
        script = "; ".join("%s; echo %s" % (question, marker) for question in questions)
        command = [*self.command, *(["-r"] if read_only else []), "-c", self._uri, "-q", script]
        nothing: List[Optional[Answer]] = [None] * len(questions)
        if not self._look.remaining_s():
            self._problems.add(what, no_answer(self._look.limit_s), "raise --timeout")
            return nothing
        try:
            # Errors come in their place among the answers: virsh flushes the one before it prints the other.
            done = self._look.run(command, merge=True)
        except OSError as error:
            self._problems.add(self.path, describe_os_error(error), "install libvirt-clients, or give --virsh")
            return nothing
        *parts, rest = done.text.split(marker)
        answers: List[Optional[Answer]] = list(map(_parse_answer, parts[: len(questions)]))
        if len(answers) < len(questions):
            if done.timed_out:
                self._problems.add(what, done.complaint(self._look.limit_s), PROBING_REMEDY)
            else:
                said = _parse_answer(rest).error or done.complaint(self._look.limit_s)
                self._problems.add(what, said, _remedy(said))
        return answers + nothing[len(answers) :]


def _chunks(questions: Sequence[str], extra_bytes: int) -> List[List[str]]:
    chunks: List[List[str]] = []
    size_bytes = 0
    for question in questions:
        own_bytes = len(question.encode("utf-8")) + extra_bytes
        if not chunks or size_bytes + own_bytes > _SCRIPT_LIMIT_BYTES:
            chunks.append([])
            size_bytes = 0
        chunks[-1].append(question)
        size_bytes += own_bytes
    return chunks


def _parse_answer(text: str) -> Answer:
    lines = text.strip("\n").split("\n")
    errors = [line[len("error: ") :].strip() for line in lines if line.startswith("error: ")]
    return Answer("\n".join(line for line in lines if not line.startswith("error: ")), ": ".join(errors))


def _remedy(said: str) -> str:
    lowered = said.lower()
    if os.geteuid() and ("bus" in lowered or "denied" in lowered or "authentication" in lowered):
        return "run as root or join the group libvirt"
    if "no such file" in lowered or "connection refused" in lowered:
        return "start libvirtd or virtqemud, or give --uri"
    return ""
