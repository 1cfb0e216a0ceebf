"""The manual pages: roff takes them without a warning, and prints what the help says."""

from __future__ import annotations

import re
import subprocess

import pytest
from tools.man_page import escape, render_man_pages

from programs import needs

PAGES = render_man_pages()


def printed(page: str) -> str:
    command = ["groff", "-man", "-ww", "-Tutf8", "-P-cbou"]
    done = subprocess.run(command, input=page, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def squeezed(text: str) -> str:
    return " ".join(text.split())


@needs("groff", package="groff-base")
@pytest.mark.parametrize("name", PAGES)
def test_roff_has_no_warning_and_prints_every_section(name: str) -> None:
    text = printed(PAGES[name])
    headings = re.findall(r"^[A-Z][A-Z ]+$", text, re.MULTILINE)
    common = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS"]
    assert [heading for heading in headings if heading in common] == common
    assert f"{name.removesuffix('.1')} - " in text


@needs("groff", package="groff-base")
def test_a_page_says_what_the_help_says() -> None:
    text = squeezed(printed(PAGES["vcpuid-why.1"]))
    assert "vcpuid why [OPTIONS] FEATURE..." in text
    assert "vcpuid why sgx avx2 vmx --domain web-1" in text
    assert "-v, --verbose Show the evidence of every hop." in text
    assert "EXIT STATUS Exit status: 0 yes, 1 no, 4 undecided; over several features the worst" in text
    assert "SEE ALSO vcpuid(1), vcpuid-explain(1)" in text


@needs("groff", package="groff-base")
def test_a_group_lists_its_commands() -> None:
    text = squeezed(printed(PAGES["vcpuid-map.1"]))
    assert "COMMANDS vcpuid-map-show(1)" in text
    assert "vcpuid-map-sync(1)" in text


@needs("groff", package="groff-base")
def test_what_roff_would_take_for_its_own_is_printed_as_it_stands() -> None:
    text = ".PP is 'no' \"macro\"; \\fB ~ ^ `x` -1 a|b ü \N{RIGHTWARDS ARROW}"
    page = f".TH A 1\n{escape(text)}\n.br\n{escape(text)}\n"
    assert squeezed(printed(page)).count(text) == 2
