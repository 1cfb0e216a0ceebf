"""Pictures: well-formed, described, and closed to what strangers write."""

from __future__ import annotations

from lxml import etree

from vcpuid.render.svg.bars import Bar, Chart, draw_bars
from vcpuid.render.svg.heat_map import Cell, HeatMap, draw_heat_map
from vcpuid.render.svg.picture import STYLE, shortened

HOSTILE = "</text><script>alert(1)</script>&\x00\x1b\ud800\"'<![CDATA["


def drawn() -> list[str]:
    cell = Cell(0.5, 1, HOSTILE, HOSTILE, link=HOSTILE)
    heat_map = HeatMap(HOSTILE, HOSTILE, HOSTILE, [HOSTILE], [[cell]], (HOSTILE,) * 3, HOSTILE, HOSTILE)
    return [
        draw_heat_map(heat_map),
        draw_heat_map(heat_map, is_part=True),
        draw_heat_map(heat_map._replace(labels=[], cells=[])),
        draw_bars(HOSTILE, HOSTILE, HOSTILE, [Chart(HOSTILE, [Bar(HOSTILE, 0)])]),
        draw_bars("t", "s", "d", []),
    ]


def test_names_of_strangers_stay_text() -> None:
    for picture in drawn():
        root = etree.fromstring(picture.encode())
        names = {etree.QName(element).localname for element in root.iter()}
        known = {"svg", "title", "desc", "style", "defs", "pattern", "rect", "path", "text", "a", "g"}
        assert names <= known


def test_nothing_is_fetched_and_everything_is_described() -> None:
    for picture in drawn():
        assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")
        root = etree.fromstring(picture.encode())
        described = (root.get("aria-labelledby") or "").split()
        assert [element.get("id") for element in root[:2]] == described
        assert all(element.text for element in root[:2])


def test_a_cell_is_filled_from_its_foot() -> None:
    cells = [[Cell(0.25, 0.75, "says")]]
    heat_map = HeatMap("t", "s", "d", ["a"], cells, ("x", "y", "z"), "from", "to")
    root = etree.fromstring(draw_heat_map(heat_map).encode())
    (group,) = [group for group in root.iterfind("{*}g") if group.findtext("{*}title") == "says"]
    boxes = {box.get("class", "may"): box for box in group.iterfind("{*}rect")}
    edges = {name: (float(box.get("y", "")), float(box.get("height", ""))) for name, box in boxes.items()}
    foot = sum(edges["blank"])
    assert sum(edges["sure"]) == foot
    assert sum(edges["may"]) == edges["sure"][0]
    assert (edges["sure"][1], edges["may"][1]) == (edges["blank"][1] / 4, edges["blank"][1] / 2)


def test_a_picture_in_a_page_has_its_style_beside_it_and_its_links_are_for_the_mouse() -> None:
    cells = [[Cell(1, 1, "says", link="/there?a=1&b=2")]]
    heat_map = HeatMap("t", "s", "d", ["a"], cells, ("x", "y", "z"), "from", "to")
    root = etree.fromstring(draw_heat_map(heat_map, is_part=True).encode())
    assert root.find(".//{*}style") is None
    assert root.get("role") == "group"
    (link,) = root.iterfind("{*}a")
    assert (link.get("href"), link.get("tabindex")) == ("/there?a=1&b=2", "-1")
    alone = etree.fromstring(draw_heat_map(heat_map._replace(cells=[[Cell(1, 1, "says")]])).encode())
    assert alone.findtext("{*}style") == f"\n{STYLE.read_text()}"
    assert alone.get("role") == "img"
    classes = {name for element in root.iter() for name in (element.get("class") or "").split()}
    assert all(f".{name} " in STYLE.read_text() for name in classes)


def test_long_names_are_shortened() -> None:
    assert shortened("a" * 99, 72) == "a" * 9 + "…"
    assert shortened("abc", 72) == "abc"
