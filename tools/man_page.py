"""The manual pages: vcpuid(1) and one of each command, made of their help."""

import inspect
import re
from collections.abc import Iterator

import click
from tools.commands import EXIT_STATUSES, Command, walk_commands

from vcpuid import __version__

_HEAD = '.\\" Made by: python -m tools.make_docs, from the --help of the command. Do not edit this page by hand.\n'
# What roff would take for its own, or print as a typographer's sign.
_SIGNS = {
    "\\": r"\e",
    "-": r"\-",
    "'": r"\(aq",
    "`": r"\(ga",
    "^": r"\(ha",
    "~": r"\(ti",
    '"': r"\(dq",
    "|": r"|\:",  # where a list of choices may be broken
}
_SUMMARY_LENGTH = 120
_STATUS = "Exit status"
_AS_IT_IS = "\b\n"  # what a paragraph begins with whose lines click keeps


def render_man_pages() -> dict[str, str]:
    """Gives every page by the name of its file, as in `vcpuid-why.1`."""
    commands = list(walk_commands())
    return {f"{_name(found)}.1": _page(found, commands) for found in commands}


def escape(text: str) -> str:
    """Gives text that roff prints as it stands."""
    signs = "".join(_SIGNS.get(sign, sign if sign.isascii() else f"\\[u{ord(sign):04X}]") for sign in text)
    return re.sub(r"^\.", r"\\&.", signs, flags=re.MULTILINE)


def _name(found: Command) -> str:
    return found.path.replace(" ", "-")


def _page(found: Command, commands: list[Command]) -> str:
    name = escape(_name(found))
    paragraphs = inspect.cleandoc(found.command.help or "").split("\n\n")
    told = [text for text in paragraphs if not text.startswith(_STATUS)]
    statuses = [text for text in paragraphs if text.startswith(_STATUS)]
    children = [one for one in commands if one.context.parent is found.context]
    return "".join(
        (
            _HEAD,
            f'.TH "{name.upper()}" "1" "" "vcpuid {escape(__version__)}" "vcpuid"\n.nh\n.ad l\n',
            f".SH NAME\n{name} \\- {escape(_summary(found))}\n",
            f".SH SYNOPSIS\n{_synopsis(found)}",
            f".SH DESCRIPTION\n{_text(told)}",
            ".SH OPTIONS\n",
            *_options(found),
            *([".SH COMMANDS\n"] if children else []),
            *(_item(f"\\fB{escape(_name(one))}\\fR(1)", _summary(one)) for one in children),
            f".SH EXIT STATUS\n{_text(statuses)}",
            *(_item(str(status), meaning) for status, meaning in EXIT_STATUSES),
            *_see_also(found, commands),
        )
    )


def _summary(found: Command) -> str:
    return found.command.get_short_help_str(_SUMMARY_LENGTH).rstrip(".")


def _synopsis(found: Command) -> str:
    pieces = " ".join(found.command.collect_usage_pieces(found.context))
    return f"\\fB{escape(found.path)}\\fR {escape(pieces)}\n"


def _text(paragraphs: list[str]) -> str:
    """Gives paragraphs of a help."""
    return "".join(
        f".PP\n.RS 4\n.nf\n{escape(text.removeprefix(_AS_IT_IS))}\n.fi\n.RE\n"
        if text.startswith(_AS_IT_IS)
        else f".PP\n{escape(text)}\n"
        for text in paragraphs
    )


def _options(found: Command) -> Iterator[str]:
    for parameter in found.command.get_params(found.context):
        record = parameter.get_help_record(found.context)
        if isinstance(parameter, click.Option) and record is not None:
            words, told = record
            yield _item(re.sub(r"(?<![\w\\])((?:\\-){1,2}\w(?:\\-|\w)*)", r"\\fB\1\\fR", escape(words)), told)


def _item(label: str, told: str) -> str:
    return f".TP\n{label}\n{escape(told)}\n"


def _see_also(found: Command, commands: list[Command]) -> Iterator[str]:
    """Names the group of a command and the other members of it."""
    others = [one for one in commands if one is not found and _are_near(found, one)]
    if others:
        yield ".SH SEE ALSO\n" + ",\n".join(f"\\fB{escape(_name(one))}\\fR(1)" for one in others) + "\n"


def _are_near(found: Command, other: Command) -> bool:
    parent = found.context.parent
    return parent is not None and (other.context is parent or other.context.parent is parent)
