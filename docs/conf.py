"""How Sphinx makes the site: `python -m tools.make_site`.

The source folder is the repository, so that a link works alike on a forge and on the site: README.md and its
neighbours are pages too. The order of the pages is that of docs/README.md, which is an ordinary list of links.
"""

import re
import sys
from enum import EnumType

from docutils import nodes
from pygments.lexers.special import TextLexer
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

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
LISTED: set[str] = set()  # types whose docstring lists their attributes
PAGES: set[str] = (
    set()
)  # what the types that have a page are called, where they live and where they are imported from
HANDED_THROUGH = {"Atlas", "CpuMap", "Evidence", "FieldTable", "Fleet", "Guest"}  # docs/reference/stability.md
MADE_BY_PEOPLE = (vcpuid.Cpu, vcpuid.Dump, vcpuid.LintBasis, vcpuid.LintText, vcpuid.Wanted)
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


def import_api() -> None:
    """Imports every public name, which autodoc finds only then, and has each class called as people import it."""
    for name in vcpuid.__all__:
        one = getattr(vcpuid, name)
        setattr(vcpuid, name, one)
        if isinstance(one, type):
            if one.__name__ != name:
                rename(one, name)
            if "Attributes:" in (one.__doc__ or ""):
                LISTED.add(f"vcpuid.{name}")
            PAGES.update((f"vcpuid.{name}", f"{one.__module__}.{one.__qualname__}"))


def rename(one: type, name: str) -> None:
    """Gives a class another name, and its members, by it, their places in the source."""
    order = ModuleAnalyzer.for_module(one.__module__)
    order.analyze()
    members = [(tag, place) for tag, place in order.tagorder.items() if tag.startswith(f"{one.__name__}.")]
    order.tagorder |= {name + tag.removeprefix(one.__name__): place for tag, place in members}
    one.__name__ = one.__qualname__ = name


def shorten_signature(
    _app: Sphinx, what: str, _name: str, one: object, _options: object, signature: str, result: str
) -> tuple[str | None, str | None]:
    """Shows how a class is made only where people make one."""
    return ("", None) if what == "class" and one not in MADE_BY_PEOPLE else (signature, result)


def skip_member(_app: Sphinx, what: str, _name: str, member: object, skip: bool, _options: object) -> bool | None:
    """Leaves out the members of what is handed through, and the fields of a tuple, which its docstring lists."""
    function = getattr(member, "fget", None) or getattr(member, "func", None) or member
    owner = getattr(function, "__qualname__", "").partition(".")[0]
    is_field = (getattr(member, "__doc__", None) or "").startswith("Alias for field number")
    return True if what == "class" and (is_field or owner in HANDED_THROUGH) else skip or None


def tell_more(_app: Sphinx, _what: str, _name: str, one: object, _options: object, lines: list[str]) -> None:
    """Shortens the types of attributes to their names, and lists the members of an enumeration."""
    lines[:] = [
        re.sub(r"((?:\w+\.)+)(?=[A-Z])", r"~\1", line) if line.startswith(":vartype ") else line for line in lines
    ]
    if isinstance(one, EnumType):
        lines += ["", "Members: " + ", ".join(f"``{name}``" for name in one.__members__)]


def list_once(app: Sphinx, _domain: str, _kind: str, _content: nodes.Element) -> None:
    """Leaves out the constructor's parameters where a class lists its attributes, which they would repeat."""
    for name in LISTED:
        app.env.current_document.autodoc_annotations.pop(name, None)


def leave_plain(_app: Sphinx, _env: object, node: pending_xref, shown: nodes.Element) -> nodes.Element | None:
    """Shows a type without a page as text: another project's, or one of ours that is read and not imported."""
    target = node["reftarget"]
    root = target.partition(".")[0]
    has_no_page = root in (*sys.stdlib_module_names, "numpy", "Path") or (root == "vcpuid" and target not in PAGES)
    return shown if node.get("refdomain") == "py" and has_no_page else None


def setup(app: Sphinx) -> None:
    """Registers what stands above, and the one language of our blocks that has no highlighting."""
    import_api()
    app.add_lexer("qemu", TextLexer)
    app.connect("source-read", add_toctrees)
    app.connect("autodoc-process-signature", shorten_signature)
    app.connect("autodoc-skip-member", skip_member)
    app.connect("autodoc-process-docstring", tell_more, priority=600)  # after napoleon
    app.connect("object-description-transform", list_once, priority=400)  # before the types are merged
    app.connect("missing-reference", leave_plain)
