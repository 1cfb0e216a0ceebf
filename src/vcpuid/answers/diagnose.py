"""An error message: what it means, what it may come from, and which of that holds on a host."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from vcpuid.answers.causes import run_test
from vcpuid.answers.causes.case import Case, Holding, Named, Tested
from vcpuid.answers.look_up import look_up
from vcpuid.atlas import Atlas
from vcpuid.errors import AmbiguousNameError, UnknownNameError, UsageError
from vcpuid.evidence import Evidence
from vcpuid.evidence.guest import guest_of_domain
from vcpuid.rules.messages.read import read_places, read_programs, read_words
from vcpuid.rules.messages.scan import Occurrence, scan
from vcpuid.rules.messages.table import Cause, Message
from vcpuid.snapshot import Snapshot
from vcpuid.terms.address import LEAVES_WITH_SUBLEAVES, Bits, CpuidRegister, parse_address
from vcpuid.terms.feature import Dialect, Feature

# A text is looked at as far as this; what is more is told.
SIZE_LIMIT_CHARACTERS = 32 << 20
_MOST_NAMES = 400
_MOST_OTHER_NAMES = 40
_MOST_SUBLEAVES = 3
_FEATURE_GROUPS = frozenset(("features", "missing", "feature", "labels", "bit"))
_DIALECTS = {"QEMU": Dialect.QEMU, "Linux": Dialect.LINUX}
# How the holding of causes sorts: what holds is told first. Of what is open the table's order counts.
_RANKS = {Holding.HOLDS: 0, Holding.UNKNOWN: 1, Holding.UNTESTED: 1, Holding.HOLDS_NOT: 2}


@dataclass(frozen=True, slots=True)
class JudgedCause:
    """A cause, and whether it holds."""

    cause: Cause
    tested: Tested


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One message of a text.

    Attributes:
        message: What is known of it.
        line: The first line in which it stands, counted from 1.
        text: What stands there.
        count: How often it stands in the text.
        values: What the message tells besides features: a model, an MSR.
        names: The features that it names, over all its occurrences.
        causes: What it may come from: what holds first, what does not hold last, and else the likelier first.
    """

    message: Message
    line: int
    text: str
    count: int
    values: dict[str, str]
    names: tuple[Named, ...]
    causes: tuple[JudgedCause, ...]


@dataclass(frozen=True, slots=True)
class DiagnosisReport:
    """The answer.

    Attributes:
        diagnoses: The messages that are known, in the order of the text.
        programs: Programs that show in the text, each with its version or None.
        names: For a text without a known message: the features that can be read from it.
        host: The host's name; None where none was given.
        guest: The guest in words; None where none was named.
        is_cut: Whether the text was longer than the limit, and only its beginning was read.
    """

    diagnoses: tuple[Diagnosis, ...]
    programs: dict[str, str | None]
    names: tuple[Named, ...]
    host: str | None
    guest: str | None
    is_cut: bool

    @property
    def is_explained(self) -> bool:
        """Whether some message says what happened, and not only that another program failed."""
        return any(not diagnosis.message.is_wrapper for diagnosis in self.diagnoses)


def diagnose(text: str, host: Snapshot | Evidence | None = None, domain: str | None = None) -> DiagnosisReport:
    """Explain the messages of a text, and test their causes on a host.

    Args:
        text: An error, a traceback, a log of any length.
        host: The evidence of the host on which it happened; None tests only what the text itself decides.
        domain: The guest that it is about, by name or UUID.

    Raises:
        InputError: The evidence has no such domain, or is damaged.
        UsageError: A domain without a host.

    Examples:
        >>> from vcpuid import diagnose
        >>> text = "Host CPU does not provide required features: sgx"
        >>> [found.message.name for found in diagnose(text).diagnoses]
        ['libvirt.required-features']
    """
    evidence = Evidence(host) if isinstance(host, Snapshot) else host
    if domain is not None and evidence is None:
        raise UsageError("--domain needs the guest's host", found=domain, expected="--host FILE, or --host here")
    guest = guest_of_domain(evidence, domain) if evidence is not None and domain is not None else None
    is_cut = len(text) > SIZE_LIMIT_CHARACTERS
    text = text[:SIZE_LIMIT_CHARACTERS]
    case = Case("", (), {}, Dialect.LIBVIRT, evidence, guest, domain)
    diagnoses = tuple(_diagnose(group, case) for group in _grouped(scan(text)))
    report = DiagnosisReport(
        diagnoses=diagnoses,
        programs=read_programs(text),
        names=(),
        host=(evidence.snapshot.host_name or evidence.snapshot.source) if evidence else None,
        guest=guest.label if guest else None,
        is_cut=is_cut,
    )
    return report if report.is_explained else replace(report, names=tuple(_other_names(text)))


def _grouped(occurrences: Iterable[Occurrence]) -> list[list[Occurrence]]:
    """Put occurrences of one message together, unless they tell different things; leave bare wrappers out."""
    groups: dict[tuple[str, ...], list[Occurrence]] = {}
    for occurrence in occurrences:
        others = (f"{key}={value}" for key, value in occurrence.values.items() if key not in _FEATURE_GROUPS)
        groups.setdefault((occurrence.message.name, *others), []).append(occurrence)
    inner = [group for group in groups.values() if not group[0].message.is_wrapper]
    return inner or list(groups.values())


def _diagnose(group: list[Occurrence], case: Case) -> Diagnosis:
    first = group[0]
    dialect = _DIALECTS.get(first.message.program, Dialect.LIBVIRT)
    spelt = dict.fromkeys(name for occurrence in group for name in _spelt(occurrence.values))
    names = tuple(named(text, dialect) for text in list(spelt)[:_MOST_NAMES])
    values = {key: value for key, value in first.values.items() if key not in _FEATURE_GROUPS}
    case = replace(case, values={**first.message.tells, **values}, dialect=dialect)
    judged = [
        JudgedCause(cause, _judge(cause, names, case))
        for cause in first.message.causes
        if cause.concerns(_all_names(names))
    ]
    judged.sort(key=lambda one: _RANKS[one.tested.holding])
    return Diagnosis(first.message, first.line, first.text, len(group), values, names, tuple(judged))


def _judge(cause: Cause, names: tuple[Named, ...], case: Case) -> Tested:
    if cause.test is None:
        return Tested(Holding.UNTESTED)
    concerned = tuple(name for name in names if cause.concerns(_all_names((name,))))
    return run_test(cause.test, replace(case, argument=cause.argument, names=concerned))


def _all_names(names: tuple[Named, ...]) -> tuple[str, ...]:
    """Give every spelling under which a table of causes may have these features."""
    return tuple(
        dict.fromkeys(
            spelling
            for name in names
            for spelling in (
                name.text,
                *(feature.name for feature in name.features),
                *(one.text for feature in name.features for one in feature.names.get(Dialect.LIBVIRT, ())),
            )
        )
    )


def _spelt(values: dict[str, str]) -> Iterator[str]:
    """Give the features of one occurrence as it writes them."""
    if "bit" in values:
        yield values["bit"]
    for group in ("features", "missing", "labels", "feature"):
        for part in re.split(r"[,\s]+", values.get(group, "")):
            # Labels of Kubernetes: cpu-feature.node.kubevirt.io/avx2:true.
            name = part.rpartition("/")[2].partition(":")[0].strip("'\"[]{}().")
            if name:
                yield name


def named(text: str, dialect: Dialect) -> Named:
    """Find what a name or address means: in the dialect of whoever wrote it first, then in any."""
    atlas = Atlas.load()
    feature = atlas.named(dialect, text)
    if feature is not None:
        return Named(text, (feature,))
    try:
        if candidates := _hidden_subleaf(text, atlas):
            return Named(text, candidates)
        return Named(text, (look_up(text, atlas=atlas).feature,))
    except AmbiguousNameError as error:
        return Named(text, tuple(look_up(address, atlas=atlas).feature for address, _ in error.meanings))
    except UnknownNameError as error:
        return Named(text, (), error.suggestions)
    except UsageError:
        return Named(text, ())


def _hidden_subleaf(text: str, atlas: Atlas) -> tuple[Feature, ...]:
    """Give what a bit without a name may be where a message hides the subleaf, as QEMU did before 10.2.

    QEMU writes the name of a bit that it has one for: it is a bit that it has none for, in whichever subleaf.
    """
    if not (match := re.fullmatch(r"(CPUID\.[0-9A-Fa-f]{1,8}H):(E[ABCD]X)\s?\[bit\s(\d{1,2})\]", text)):
        return ()
    first = parse_address(f"{match[1]}.0:{match[2]}[{match[3]}]")
    if not isinstance(first, Bits) or not isinstance(first.word, CpuidRegister):
        return ()
    found = []
    for subleaf in range(_MOST_SUBLEAVES if first.word.leaf in LEAVES_WITH_SUBLEAVES else 1):
        bits = replace(first, word=replace(first.word, subleaf=subleaf))
        features = atlas.at(bits)
        fields = [field for field in atlas.fields(bits.word) if field.low == field.high == bits.low]
        if any(feature.spellings(Dialect.QEMU) for feature in features) or not (features or fields):
            continue
        titled = Feature(str(bits), (bits,), title=atlas.describe_field(fields[0]) if fields else "")
        found.append(features[0] if features else titled)
    return tuple(found)


def _other_names(text: str) -> Iterator[Named]:
    """Give the features that a text without a known message surely names."""
    seen: set[str] = set()
    for place in read_places(text):
        one = named(place, Dialect.QEMU)
        if one.features and one.features[0].address not in seen:
            seen.add(one.features[0].address)
            yield one
    atlas = Atlas.load()
    for word in read_words(text):
        if len(seen) >= _MOST_OTHER_NAMES:
            return
        if atlas.has_name(word):
            one = named(word, Dialect.LIBVIRT)
            if len(one.features) == 1 and one.features[0].address not in seen:
                seen.add(one.features[0].address)
                yield one
