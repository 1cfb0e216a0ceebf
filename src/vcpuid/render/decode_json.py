"""A decoded dump as a JSON document, schema `vcpuid-decode/1`.

It is written piece by piece: a dump of 768 CPUs must not stand in memory twice, and the pieces of rows that many
CPUs share are made once.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Iterator, Mapping

from vcpuid.answers.decode import DecodedDump, FieldReader, Wanted, rows_beyond_maximum
from vcpuid.atlas.fields import FieldTable, Step, decode_field
from vcpuid.decode.facts import Facts
from vcpuid.decode.machine import Kind, Member
from vcpuid.decode.rows import REGISTERS, existing_rows
from vcpuid.terms.dump import Cpu, Registers

_ALL = Wanted()
_HEAD = '{"schema": "vcpuid-decode/1", "dumps": ['
_encode = json.JSONEncoder(check_circular=False).encode
_quote = json.encoder.encode_basestring_ascii  # standard output may have no letter for a unit's, as in `°C`
Key = tuple[int, int]


class _FactWriter:
    """Writes the facts of kinds; what many kinds share is made once."""

    def __init__(self) -> None:
        self._facts: dict[tuple[str, object], str] = {}
        self._tuples: dict[tuple[type, object], str] = {}  # by class: tuples of different classes may be equal

    def write(self, facts: Facts) -> str:
        """Write facts as an object."""
        return "{" + ", ".join([self._member(*fact) for fact in zip(facts._fields, facts, strict=True)]) + "}"

    def _member(self, name: str, fact: object) -> str:
        text = self._facts.get((name, fact))
        if text is None:
            text = self._facts[name, fact] = f'"{name}": {self.write_value(fact)}'
        return text

    def write_value(self, value: object) -> str:
        """Write a value of ours: a named tuple becomes an object of its fields."""
        if isinstance(value, tuple):
            if not hasattr(value, "_fields"):
                return f"[{', '.join([self.write_value(member) for member in value])}]"
            text = self._tuples.get((type(value), value))
            if text is None:
                members = zip(value._fields, value, strict=True)
                text = ", ".join([f'"{name}": {self.write_value(member)}' for name, member in members])
                self._tuples[type(value), value] = text = f"{{{text}}}"
            return text
        return str(value) if type(value) is int else _encode(value)


def write_decode_document(dumps: Iterable[DecodedDump], wanted: Wanted = _ALL) -> Iterator[str]:
    """Give the document's text in pieces, dump by dump as they come."""
    rows, facts = _RowWriter(), _FactWriter()
    separator = _HEAD
    for decoded in dumps:
        yield separator
        yield from _write_dump(decoded, facts, rows, wanted)
        separator = ",\n"
    yield "]}\n" if separator != _HEAD else f"{_HEAD}]}}\n"


def _write_dump(decoded: DecodedDump, facts: _FactWriter, rows: _RowWriter, wanted: Wanted) -> Iterator[str]:
    machine = decoded.machine
    yield f'\n{{"origin": {_encode(decoded.origin)}, '
    yield f'"counts": {_encode(machine.counts)}, '
    yield f'"cache_totals": {facts.write_value(machine.cache_totals)},\n "kinds": ['
    for number, kind in enumerate(machine.kinds):
        yield ",\n  " if number else "\n  "
        yield from _write_kind(kind, facts, rows, wanted)
    yield '],\n "cpus": ['
    yield ",".join([_write_member(member) for member in machine.members])
    yield "]}"


def _write_kind(kind: Kind, facts: _FactWriter, rows: _RowWriter, wanted: Wanted) -> Iterator[str]:
    first = kind.cpus[0]
    yield f'{{"cpus": {[cpu.number for cpu in kind.cpus]},\n   "facts": {facts.write(kind.facts)},\n'
    yield '   "rows": {'
    yield rows.write_all(first, wanted)
    beyond = _write_rows({key: row for key, row in rows_beyond_maximum(first).items() if wanted.has(key)})
    msrs = ", ".join([f'"{index:08x}": "{value:016x}"' for index, value in first.msrs.items()])
    yield f'}},\n   "beyond_maximum": {{{beyond}}}, "msrs": {{{msrs}}}}}'


def _write_member(member: Member) -> str:
    ids = ", ".join([f'"{name}": {number}' for name, number in member.ids.items()])
    apic_id = "null" if member.apic_id is None else member.apic_id
    return (
        f'\n  {{"cpu": {member.cpu.number}, "kind": {member.kind}, "apic_id": {apic_id}, '
        f'"ids": {{{ids}}}, "rows": {{{_write_rows(member.differing)}}}}}'
    )


def _write_rows(rows: Mapping[Key, Registers]) -> str:
    """Write the registers alone, as the members of an object."""
    return ", ".join([f'"{_key(key)}": "{_hex(row)}"' for key, row in rows.items()])


def _key(key: Key) -> str:
    return f"{key[0]:08x}.{key[1]}"


def _hex(row: tuple[int, ...]) -> str:
    return f"{row[0]:08x} {row[1]:08x} {row[2]:08x} {row[3]:08x}"


class _FieldWriter:
    """Writes one field; each value that stands there is written once."""

    def __init__(self, step: Step) -> None:
        _, self.shift, self.mask, self._field = step
        # Raw bits to the members that they give to `fields` and to `texts`; the latter may be empty.
        self.known: dict[int, tuple[str, str]] = {}

    def write(self, raw: int) -> tuple[str, str]:
        """Write raw bits that are not known yet."""
        field = self._field
        value, text = decode_field(field, raw)
        has_text = field.unit or field.values or field.encoding == "hex"
        written = self.known[raw] = (
            f'"{field.name}": {value if type(value) is int else _encode(value)}',
            f'"{field.name}": {_quote(text)}' if has_text else "",
        )
        return written


class _RegisterWriter:
    """Writes the fields of one register of a leaf; each value that stands there is written once."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self._named = 0
        self._flags: list[tuple[int, str, str]] = []
        numbers, others = [], []
        for step in steps:
            _, shift, mask, field = step
            self._named |= mask << shift
            if field.encoding == "flag":
                self._flags.append((mask << shift, f'"{field.name}": true', f'"{field.name}": false'))
            elif field.encoding == "number" and not field.values:
                numbers.append(_FieldWriter(step))
            else:
                others.append(_FieldWriter(step))
        self._fields = numbers + others
        self._written: dict[int, tuple[str, str]] = {}

    def write(self, word: int) -> tuple[str, str]:
        """Give the members that a value gives to `fields` and to `texts`."""
        written = self._written.get(word)
        if written is None:
            written = self._written[word] = self._write(word)
        return written

    def unnamed(self, word: int) -> int:
        """Give the set bits that no field has."""
        return word & ~self._named

    def _write(self, word: int) -> tuple[str, str]:
        members, texts = [], []
        for field in self._fields:
            raw = word >> field.shift & field.mask
            member, text = field.known.get(raw) or field.write(raw)
            members.append(member)
            if text:
                texts.append(text)
        members += [when_set if word & bit else when_clear for bit, when_set, when_clear in self._flags]
        return ", ".join(members), ", ".join(texts)


class _RowWriter:
    """Writes rows with their fields; equal rows of many CPUs are made once."""

    def __init__(self) -> None:
        self._table = FieldTable()
        self._registers: dict[tuple[str | None, Key], tuple[_RegisterWriter, ...]] = {}
        self._texts: dict[Hashable, dict[tuple[Key, Registers], str]] = {}

    def write_all(self, cpu: Cpu, wanted: Wanted) -> str:
        """Write the wanted rows of a CPU as the members of `rows`."""
        rows = existing_rows(cpu)
        if wanted != _ALL:
            rows = {key: row for key, row in rows.items() if wanted.has(key)}
        reader = FieldReader(cpu, self._table)
        known = self._texts.setdefault(reader.scopes(rows), {})
        texts = []
        for entry in rows.items():
            text = known.get(entry)
            if text is None:
                key, row = entry
                text = known[entry] = self._write(reader.scope(key[0]), key, row)
            texts.append(text)
        return ",".join(texts)

    def _write(self, scope: str | None, key: Key, row: Registers) -> str:
        registers = self._registers.get((scope, key))
        if registers is None:
            plan = self._table.plan(*key, scope)
            registers = self._registers[scope, key] = tuple(
                _RegisterWriter([step for step in plan if step.position == position])
                for position in range(len(REGISTERS))
            )
        written = [register.write(word) for register, word in zip(registers, row, strict=True)]
        fields = ", ".join([members for members, _ in written if members])
        texts = ", ".join([members for _, members in written if members])
        rest = tuple(register.unnamed(word) for register, word in zip(registers, row, strict=True))
        unnamed = f', "unnamed": "{_hex(rest)}"' if any(rest) else ""
        return (
            f'\n    "{_key(key)}": {{"registers": "{_hex(row)}", "fields": {{{fields}}}, '
            f'"texts": {{{texts}}}{unnamed}}}'
        )
