"""How Sphinx makes the site: `python -m tools.make_site`.

The source folder is the repository, so that a link works alike on a forge and on the site: README.md and its
neighbours are pages too. The order of the pages is that of docs/README.md, which is an ordinary list of links.
"""

import re

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

import vcpuid

project = "vcpuid"
author = "The vcpuid authors"
project_copyright = author
version = release = vcpuid.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/README"
include_patterns = [
    "docs/**.md",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "benchmarks/README.md",
    "integrations/nova-sgx/README.md",
]
exclude_patterns = [".*", "src", "tests", "tools", "requirements", "dist", "build", "site"]

myst_heading_anchors = 4
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]  # what the API takes and gives may live in a module without a page

napoleon_use_ivar = True  # an attribute is told once: autodoc lists those of a class by itself
autodoc_member_order = "bysource"
autodoc_typehints = "description"

html_theme = "furo"
html_title = "vcpuid"
html_additional_pages = {"index": "home.html"}
templates_path = ["templates"]
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
# A page of the site is what a list item or a row of a table begins with.
_PAGE = re.compile(r"^(?:- |\| )\[([^\]]+)\]\(([\w./-]+\.md)\)", re.MULTILINE)


def add_toctrees(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Makes hidden tables of contents of the pages that an index lists, one for each of its headings."""
    if docname.startswith("docs/") and docname.endswith("/README"):
        head, *parts = _HEADING.split(source[0])
        sections = [("", head), *zip(parts[::2], parts[1::2], strict=True)]
        source[0] += "".join(_toctree(title, _PAGE.findall(text)) for title, text in sections)


def _toctree(caption: str, pages: list[tuple[str, str]]) -> str:
    options = [":hidden:", *([f":caption: {caption}"] if caption else [])]
    lines = [f"{title} <{page}>" for title, page in pages]
    return "\n".join(["", "", "```{toctree}", *options, "", *lines, "```", ""]) if pages else ""


def setup(app: Sphinx) -> None:
    """Registers what stands above, and the one language of our blocks that has no highlighting."""
    for name in vcpuid.__all__:  # autodoc finds only what has been imported
        setattr(vcpuid, name, getattr(vcpuid, name))
    app.add_lexer("qemu", TextLexer)
    app.connect("source-read", add_toctrees)
