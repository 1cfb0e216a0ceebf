"""What the texts of `why` and `explain` say; their whole look is in tests/golden."""

from __future__ import annotations

import pytest

from snapshots import cpuid, evidence, kvm, libvirt, row, rows, whole_host
from vcpuid.answers.explain import explain
from vcpuid.answers.why import why
from vcpuid.render.explain import render_explain
from vcpuid.render.why import render_why

HOST = evidence(**whole_host())


def why_text(feature: str, *, guest: str | None = None, verbose: bool = False) -> str:
    return render_why([why(feature, HOST, guest)], verbose=verbose).plain()


def explain_text(*texts: str) -> str:
    return render_explain([explain(text) for text in texts]).plain()


def test_without_a_guest_only_supply_is_shown() -> None:
    text = why_text("sgx")
    assert "(no guest given)" in text
    assert "what can be given" in text
    assert "what is asked for" not in text


def test_with_a_guest_all_chains_are_shown() -> None:
    text = why_text("sgx", guest="web-1")
    for heading in ("what can be given", "what is asked for", "what the guest got", "(domain web-1)"):
        assert heading in text


def test_the_break_is_marked_and_said() -> None:
    host = evidence(cpuid=cpuid(rows(_7_0=row())), kvm=kvm(rows(_7_0=row())))
    text = render_why([why("avx2", host)]).plain()
    assert "silicon   no  07H.0 ebx=00000000  <- breaks here" in text
    assert "Supply breaks at silicon:" in text
    assert "  Mend: The CPU lacks avx2" in text


def test_what_the_guest_has_is_no_break() -> None:
    text = why_text("avx2", guest="web-1")
    assert "The guest has avx2." in text
    assert "<- breaks here" not in text


def test_verbose_shows_rule_and_evidence() -> None:
    brief, verbose = why_text("sgx"), why_text("sgx", verbose=True)
    assert "rule silicon.set (observed)" in verbose
    assert "cannot prove:" in verbose
    assert set(brief.splitlines()) <= set(verbose.splitlines())


def test_a_name_in_another_case_is_told() -> None:
    assert "read as another spelling of" in why_text("Sha_Ni")
    assert "a name of /proc/cpuinfo, in other upper and lower case" in explain_text("Sha_Ni")


def test_several_answers_stand_apart() -> None:
    both = render_why([why("sgx", HOST), why("avx2", HOST)]).plain()
    assert both == why_text("sgx") + "\n" + why_text("avx2")
    assert explain_text("sgx", "avx2") == explain_text("sgx") + "\n" + explain_text("avx2")


def test_no_line_is_wider_than_a_screen_of_prose() -> None:
    for line in (why_text("sgx", guest="web-1") + explain_text("sgx", "pni")).splitlines():
        assert len(line) <= 130


@pytest.mark.parametrize(
    "form",
    [
        "CPUID.(EAX=07H,ECX=0):EBX[2]",
        "0x00000004",
        "7.0.ebx.2",
        "MODEL,sgx=on",
        "<feature policy='require' name='sgx'/>",
        "cpu_model_extra_flags = sgx",
        "<cpuid eax_in='0x07' ecx_in='0x00' ebx='0x00000004'/>",
        "HW_CPU_X86_SGX",
        "since 6.2",
        "since 8.10",
    ],
)
def test_a_bit_in_the_ways_that_people_need_it(form: str) -> None:
    assert form in explain_text("sgx")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("7.0.ebx=0", ["CPUID.(EAX=07H,ECX=0):EBX = 0x00000000", "no bit is set"]),
        ("7ffe.0.eax", ["nothing in the atlas"]),
        ("7ffe.0.eax=1", ["[0]", "not in the atlas"]),
        ("12.1.eax=36", ["sgx-debug", "sgx-tokenkey"]),
        ("pmu", ["its bit is not in the atlas", "<features><pmu state='on'/></features>"]),
        ("rep_good", ["no bit: Linux makes this flag itself"]),
        ("hv-vapic", ["-cpu            MODEL,hv-vapic=on", "<hyperv><vapic state='on'/></hyperv>", "since 1.1.0"]),
        ("hv-syndbg", ["domain XML      no element turns it on"]),
        ("80000001.0.edx.0", ["repeats", "CPUID.01H:EDX[0]"]),
        ("xsave", ["also sets d.0.eax.0, d.0.eax.1"]),
        ("clzero", ["amd, hygon"]),
        ("80000001.0.edx.20", ["NX, Execute Disable Bit"]),
    ],
)
def test_odd_things_are_explained_too(text: str, lines: list[str]) -> None:
    for line in lines:
        assert line in explain_text(text)


@pytest.mark.parametrize("text", ["kvmclock", "kvm-pv-eoi", "hv-vapic", "pmu", "e_fpu"])
def test_no_way_is_shown_that_leads_nowhere(text: str) -> None:
    shown = explain_text(text)
    for form in ("<feature ", "cpu_model_extra_flags", "libvirt map"):
        assert form not in shown


@pytest.mark.parametrize("text", ["sgx", "rep_good", "7.0.eax.31", "lmce", "e_fpu"])
def test_blank_lines_only_part(text: str) -> None:
    shown = explain_text(text)
    assert "\n\n\n" not in shown
    assert not shown.endswith("\n\n")


def test_text_fits_a_narrow_terminal_but_what_is_copied_stays_whole() -> None:
    page = render_explain([explain("sgx")])
    long = [line for line in page.plain(60).splitlines() if len(line) > 60]
    assert all("<" in line or "=" in line for line in long)
    assert page.plain(60).split() == page.plain().split()


def test_a_strangers_name_cannot_steer_the_terminal() -> None:
    host = evidence(libvirt=libvirt(map_={"directory": "/x\x1b[2J", "files": {"index.xml": "<cpus/>"}}))
    assert "\x1b" not in render_why([why("sgx", host)], verbose=True).plain()
