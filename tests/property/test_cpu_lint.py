"""Whatever somebody writes into -cpu: the linter answers, or says that it is none."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from vcpuid.answers.lint import Basis, LintReport, Text, choose_qemu, lint_text
from vcpuid.errors import VcpuidError
from vcpuid.render.lint import lint_document, render_lint
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.rules.qemu.knowledge import known_versions, load_qemu

NEWEST = load_qemu(known_versions()[-1])
MODELS = st.sampled_from([*NEWEST.models, "nosuch"])
NAMES = st.sampled_from([*NEWEST.features, *NEWEST.aliases, *NEWEST.properties, "nosuch", "a b", ""])
VALUES = st.sampled_from(["on", "off", "1", "0x1f", "-1", "", "zz", "GenuineIntel", "99999999999999999999"])
OPTIONS = st.one_of(
    st.builds("+{}".format, NAMES), st.builds("-{}".format, NAMES), NAMES, st.builds("{}={}".format, NAMES, VALUES)
)
STRINGS = st.builds(lambda model, options: ",".join([model, *options]), MODELS, st.lists(OPTIONS, max_size=6))
LINES = st.builds(
    "qemu-system-x86_64 {} -cpu {}".format,
    st.sampled_from(["", "-accel tcg", "-enable-kvm", "-machine nosuch", "-cpu x", "-machine pc-i440fx-2.3"]),
    STRINGS,
)


@given(st.one_of(STRINGS, LINES), st.sampled_from(known_versions()))
def test_every_cpu_string_is_answered(text: str, version: str) -> None:
    basis = Basis(shipped_map(), qemu=choose_qemu(version, ()))
    with suppress(VcpuidError):  # a quote that is not closed, an empty model
        report = LintReport((lint_text(Text(text.encode(), "a.cpu"), basis),), (), basis)
        assert render_lint(report).plain()
        assert lint_document(report)["qemu"] == basis.title_of_qemu


@given(st.binary(max_size=200))
def test_any_bytes_are_answered_or_refused(raw: bytes) -> None:
    with suppress(VcpuidError):
        lint_text(Text(b"-cpu " + raw, "a.cpu"), Basis(shipped_map()))
