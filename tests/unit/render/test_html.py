from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from vcpuid.answers.leaf import explain_leaf
from vcpuid.answers.register import explain_bit
from vcpuid.render.html import STATIC, render_page
from vcpuid.render.html.grid import byte_rows
from vcpuid.render.leaf import leaf_document
from vcpuid.render.register import bit_document
from vcpuid.terms.address import parse_bit

ADDRESSES = dict.fromkeys(STATIC, "/x")


def cell(low: int, high: int) -> dict[str, object]:
    return {"low": low, "high": high}


def test_a_register_has_four_rows_of_eight_bits_highest_first() -> None:
    rows = byte_rows([])
    assert [[piece.low for piece in row] for row in rows] == [
        list(range(top, top - 8, -1)) for top in (31, 23, 15, 7)
    ]


def test_a_cell_is_cut_where_bytes_end_and_named_once() -> None:
    rows = byte_rows([cell(5, 5), cell(6, 17)])
    pieces = [piece for row in rows for piece in row if piece.cell]
    assert [(piece.high, piece.low, piece.is_first) for piece in pieces] == [
        (17, 16, True),
        (15, 8, False),
        (7, 6, False),
        (5, 5, True),
    ]


@pytest.mark.parametrize("leaf", [1, 4, 0xD, 0x40000003, 0x80000001])
def test_the_pieces_of_every_row_fill_it(leaf: int) -> None:
    for register in leaf_document(explain_leaf(leaf))["registers"]:
        for grid in register["grids"]:
            for row in byte_rows(grid["cells"]):
                assert sum(piece.width for piece in row) == 8


def test_a_page_escapes_what_it_shows() -> None:
    nothing = dict.fromkeys(("source", "line", "expected", "next_step"))
    document = {"message": "<script>", "found": "'\"&", **nothing}
    page = render_page("error", document, addresses=ADDRESSES)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_template_that_asks_for_what_is_not_there_fails() -> None:
    with pytest.raises(UndefinedError):
        render_page("error", {"message": "x"}, addresses=ADDRESSES)


def test_a_name_breaks_behind_its_dashes_only() -> None:
    page = render_page("leaf", leaf_document(explain_leaf(7)), addresses=ADDRESSES)
    assert '<span class="name">avx512-<wbr>vpopcntdq</span>' in page


def test_a_map_entry_is_shown_as_it_is_copied() -> None:
    ways = {way["place"]: way["text"] for way in bit_document(explain_bit(parse_bit("7.0.ebx.2")))["ways"]}
    assert ways["libvirt map"].splitlines()[0] == "<feature name='sgx'>"
    assert ways["libvirt map"].splitlines()[-1] == "</feature>"
    assert ways["-cpu"] == "MODEL,sgx=on"
