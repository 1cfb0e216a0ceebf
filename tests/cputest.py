"""libvirt's own tests of its CPU reasoning, read from its source: the calls of cputest.c, macros expanded.

Each case is `DO_TEST(arch, api, name, host, cpu, cpus, ncpus, models, flags, result)`; other macros end in it,
some under a condition on one of their arguments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_STEP = re.compile(
    r"if \((?P<left>\w+) (?P<sign>[!=]=) (?P<right>\w+)\) \{|(?P<macro>DO_TEST\w*)\(|(?P<brace>[{}])"
)
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|#?\b[A-Za-z_]\w*\b')
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_X86 = "VIR_ARCH_X86_64"


@dataclass(frozen=True, slots=True)
class Case:
    """One call of DO_TEST.

    Attributes:
        api: The function that runs it, as in `cpuTestCompare`.
        label: libvirt's label.
        host: The file of the host, or empty.
        cpu: The file of the CPU, or the name that is asked for.
        cpus: The hosts of a baseline.
        models: The models that the hypervisor knows; None for all.
        models_name: libvirt's name for that list.
        flags: What the case is run with, as the source writes it.
        result: What is expected, as the source writes it.
    """

    api: str
    label: str
    host: str
    cpu: str
    cpus: tuple[str, ...]
    models: tuple[str, ...] | None
    models_name: str
    flags: str
    result: str


class _Macro(NamedTuple):
    parameters: tuple[str, ...]
    body: str


def read_cases(source: Path) -> list[Case]:
    """Read the cases for x86 of a cputest.c, in its order."""
    text = re.sub(r"/\*.*?\*/", "", source.read_text(encoding="utf-8"), flags=re.DOTALL).replace("\\\n", " ")
    macros: dict[str, _Macro] = {}
    for name, parameters, body in re.findall(r"^# *define (DO_TEST\w*)\(([^)]*)\) +(.+)$", text, re.MULTILINE):
        # The first of two is the one of a build with QEMU.
        macros.setdefault(name, _Macro(tuple(re.split(r", *", parameters)), body))
    lists = {
        name: tuple(_STRING.findall(items))
        for name, items in re.findall(r"char \*(\w+)_list\[\] *= *\{(.*?)\}", text, re.DOTALL)
    }
    calls = re.sub(r"^#.*$", "", text[text.index("\nmymain(") :], flags=re.MULTILINE)
    return [_make_case(call, lists) for call in _expand(calls, macros) if call[0] == _X86]


def _expand(text: str, macros: Mapping[str, _Macro]) -> Iterator[list[str]]:
    """Give the arguments of every DO_TEST that a piece of code leads to."""
    position, skipped = 0, 0
    while step := _STEP.search(text, position):
        position = step.end()
        if step["brace"]:
            # Within a branch that is not taken, count its braces.
            skipped = max(skipped + (1 if step["brace"] == "{" else -1), 0) if skipped else 0
        elif step["left"]:
            is_taken = (step["left"] == step["right"]) == (step["sign"] == "==")
            skipped += skipped > 0 or not is_taken
        else:
            arguments, position = _split_arguments(text, position)
            if skipped:
                continue
            if step["macro"] == "DO_TEST":
                yield arguments
            else:
                macro = macros[step["macro"]]
                yield from _expand(_substitute(macro, arguments), macros)


def _split_arguments(text: str, start: int) -> tuple[list[str], int]:
    """Give the arguments of a call whose parenthesis was opened before `start`, and where it ends."""
    arguments, depth, begin = [], 1, start
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"|[(),]', text[start:]):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth == 0 or (depth == 1 and token[0] == ","):
            arguments.append(" ".join(text[begin : start + token.start()].split()))
            begin = start + token.end()
        if depth == 0:
            return arguments, begin
    raise AssertionError(f"a call without end: {text[start : start + 80]}")


def _substitute(macro: _Macro, arguments: list[str]) -> str:
    values = dict(zip(macro.parameters, arguments, strict=True))

    def replace(match: re.Match[str]) -> str:
        word = match[0]
        if word.startswith("#") and word[1:] in values:
            return f'"{values[word[1:]]}"'
        return values.get(word, word)

    body = _WORD.sub(replace, macro.body)
    array = re.search(r"\*cpus\[\] = \{([^}]*)\}", body)
    return body if array is None else re.sub(r"\bcpus\b(?!\[)", f"({array[1]})", body)


def _make_case(call: list[str], lists: Mapping[str, tuple[str, ...]]) -> Case:
    _, api, name, host, cpu, cpus, _, models, flags, result = call
    text = f"{_text(cpu)}, {flags}" if name == "label" else _text(name)
    return Case(
        api=api,
        label=f"{api}(x86_64): {text}",
        host=_text(host),
        cpu=_text(cpu),
        cpus=tuple(_STRING.findall(cpus)),
        models=None if models == "NULL" else lists[models],
        models_name="" if models == "NULL" else models,
        flags=flags,
        result=result.removeprefix("VIR_CPU_COMPARE_"),
    )


def _text(value: str) -> str:
    """Give what neighbouring string literals make up; nothing for NULL."""
    return "".join(_STRING.findall(value))
