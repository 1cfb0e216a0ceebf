"""Hosts, or a guest and a host: can guests run there by their CPU, what stands between, and what differs."""

from __future__ import annotations

from typing import Final

from vcpuid.answers.compare import compare
from vcpuid.answers.offer import common_map
from vcpuid.answers.party import Party, party_of_domain, read_parties, the_one
from vcpuid.answers.side_by_side import FEWEST_HOSTS, MOST_HOSTS, compare_side_by_side
from vcpuid.errors import UsageError
from vcpuid.render.compare import compare_document
from vcpuid.render.side_by_side import side_by_side_document
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.web.form import Form
from vcpuid.web.form_view import Answered, Field, FormView


def _answer(form: Form) -> Answered:
    first, second = _party(form, "first", "text"), _party(form, "second", "other")
    if domain := form.text("domain"):
        first = party_of_domain(first, domain)
    cpu_map = common_map((first, second)) or shipped_map()
    return Answered(compare_document(compare(first, second, cpu_map)))


def _party(form: Form, file: str, text: str) -> Party:
    part = form.first(file, text)
    if part is None:
        raise UsageError("two are compared", source=file, found="nothing", expected="a file or a text")
    return the_one(read_parties(part.content, part.source), part.source)


def _answer_side_by_side(form: Form) -> Answered:
    hosts = [
        party
        for part in (*form.of("host"), *form.of("texts"))
        for party in read_parties(part.content, part.source)
    ]
    cpu_map = common_map(hosts) or shipped_map()
    return Answered(side_by_side_document(compare_side_by_side(hosts, cpu_map)))


TWO: Final = FormView(
    "Can guests run on another host, by their CPU?",
    _answer,
    path="/compare",
    schema="compare",
    template="compare",
    fields=(
        Field(
            "first",
            "Who asks: a snapshot, a dump, domain capabilities, a <cpu> or a domain XML.",
            is_file=True,
        ),
        Field("text", "The same as a text.", "<cpu mode='custom'><model>Haswell</model></cpu>"),
        Field("domain", "A domain of the first, by name or UUID: it asks, and not every guest of its host."),
        Field("second", "The host: a snapshot, a dump, domain capabilities or its <cpu>.", is_file=True),
        Field("other", "The same as a text.", "<cpu><arch>x86_64</arch><model>Nehalem</model></cpu>"),
    ),
)
HOSTS: Final = FormView(
    "What differs between several hosts, and who can receive whose guests?",
    _answer_side_by_side,
    path="/compare/hosts",
    schema="compare-hosts",
    template="compare_hosts",
    fields=(
        Field(
            "host",
            f"{FEWEST_HOSTS} to {MOST_HOSTS} hosts: snapshots, dumps, domain capabilities or their <cpu>.",
            is_file=True,
            is_repeated=True,
        ),
        Field(
            "texts",
            "Hosts as a text: what `virsh domcapabilities` prints, one after the other.",
            "<cpu><arch>x86_64</arch><model>Nehalem</model></cpu>"
            "<cpu><arch>x86_64</arch><model>Haswell</model></cpu>",
        ),
    ),
)
VIEWS: Final = (TWO, HOSTS)
