"""Reading a table: its header, its cells, its faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from vcpuid.atlas.tables import Groups, load_table
from vcpuid.errors import InputError


def test_a_table_is_its_rows_under_a_header(tmp_path: Path) -> None:
    (tmp_path / "small.csv").write_text('# origin\n# terms\nname,bits,note\na,1,"x, y"\nb,,\n', encoding="utf-8")
    assert load_table("small", str(tmp_path)) == [
        {"name": "a", "bits": "1", "note": "x, y"},
        {"name": "b", "bits": "", "note": ""},
    ]


@pytest.mark.parametrize("text", ["", "# only a header\n"])
def test_an_empty_table_has_no_rows(tmp_path: Path, text: str) -> None:
    (tmp_path / "small.csv").write_text(text, encoding="utf-8")
    assert load_table("small", str(tmp_path)) == []


@pytest.mark.parametrize(("row", "found"), [("b,2,3", "3"), ("b", "1")])
def test_a_row_without_a_cell_for_each_column_is_named(tmp_path: Path, row: str, found: str) -> None:
    (tmp_path / "small.csv").write_text(f"# origin\nname,bits\na,1\n{row}\n", encoding="utf-8")
    with pytest.raises(InputError, match="a cell for each column") as caught:
        load_table("small", str(tmp_path))
    assert (caught.value.line, caught.value.found) == (4, found)


def test_a_table_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_table("absent", str(tmp_path))
    assert caught.value.source == str(tmp_path / "absent.csv")


def test_a_group_has_the_rows_of_its_first_cell_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('# origin\nleaf,text\n1,"a, b"\n12,c\n1,d\n\n7,"e\n', encoding="utf-8")
    groups = Groups("t", str(tmp_path))
    assert list(groups.keys) == ["1", "12", "7"]
    assert groups.rows("1") == [{"leaf": "1", "text": "a, b"}, {"leaf": "1", "text": "d"}]
    assert groups.rows("2") == []
    assert groups.has_text("1", "b")
    assert not groups.has_text("1", "c")


def test_a_damaged_row_of_a_group_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("# origin\nleaf,text\n1,a\n2,b\n1,c,d\n", encoding="utf-8")
    groups = Groups("t", str(tmp_path))
    assert groups.rows("2") == [{"leaf": "2", "text": "b"}]
    with pytest.raises(InputError, match="a cell for each column") as caught:
        groups.rows("1")
    assert caught.value.line == 5
