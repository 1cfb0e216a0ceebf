"""The site builds without a warning, has every page in its contents, and needs nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from lxml import html
from tools import make_docs

HOME = "docs/README.html"
FETCHED = ("src", "srcset", "data", "poster")  # what a browser loads by itself; of <link> its href


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "tools.make_site", str(folder)],
        cwd=make_docs.ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return folder


@pytest.fixture(scope="module")
def trees(site: Path) -> dict[Path, html.HtmlElement]:
    return {path: html.parse(path).getroot() for path in site.rglob("*.html")}


def test_every_page_is_built_and_stands_in_the_contents(site: Path, trees: dict[Path, html.HtmlElement]) -> None:
    listed = set()
    for index in (site / HOME, site / "docs/reference/leaves/README.html"):
        for link in trees[index].cssselect(".sidebar-tree a.internal"):
            listed.add((index.parent / link.get("href", "").partition("#")[0]).resolve())
    pages = [site / path.relative_to(make_docs.ROOT).with_suffix(".html") for path in make_docs.pages()]
    assert [page for page in pages if not page.exists()] == []
    assert [page for page in pages if page.resolve() not in listed and page != site / HOME] == []


def test_the_first_page_leads_to_the_documentation(site: Path, trees: dict[Path, html.HtmlElement]) -> None:
    (refresh,) = trees[site / "index.html"].cssselect("meta[http-equiv=refresh]")
    assert refresh.get("content") == f"0; url={HOME}"


def test_a_browser_asks_no_other_server(site: Path, trees: dict[Path, html.HtmlElement]) -> None:
    for path, tree in trees.items():
        fetched = [node.get(name) for name in FETCHED for node in tree.xpath(f"//*[@{name}]")]
        fetched += [node.get("href") for node in tree.xpath("//link[@href]")]
        assert [one for one in fetched if re.match(r"(\w+:)?//", one)] == [], path
    for path in (*site.rglob("*.css"), *site.rglob("*.js")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"""(url\(|@import|fetch\(|import\()\s*["']?(https?:)?//""", text), path


def test_links_within_the_site_lead_somewhere(site: Path, trees: dict[Path, html.HtmlElement]) -> None:
    names = {path: {node.get("id") or node.get("name") for node in tree.iter()} for path, tree in trees.items()}
    for path, tree in trees.items():
        for link in tree.xpath("//a[@href]"):
            name, _, anchor = unquote(link.get("href")).partition("#")
            if re.match(r"\w+:", name):
                continue
            target = (path.parent / name).resolve() if name else path
            assert target.is_file(), f"{path.relative_to(site)}: {link.get('href')}"
            if anchor and target in names:
                assert anchor in names[target], f"{path.relative_to(site)}: {link.get('href')}"


def test_the_api_page_has_every_public_name(site: Path) -> None:
    import vcpuid  # noqa: PLC0415 - as people do; what it imports lazily is the subject

    page = (site / "docs/reference/python.html").read_text(encoding="utf-8")
    assert [name for name in vcpuid.__all__ if name != "__version__" and f'id="vcpuid.{name}"' not in page] == []
