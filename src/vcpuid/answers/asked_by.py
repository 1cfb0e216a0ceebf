"""A guest of which only a definition is known: what a text asks for."""

from __future__ import annotations

from vcpuid.answers.lint import Text, kind_of
from vcpuid.errors import InputError
from vcpuid.evidence.guest import Guest
from vcpuid.guest.libvirt import parse_domain
from vcpuid.guest.nova import NovaFile, parse_ini, parse_nova_files
from vcpuid.guest.qemu import (
    CommandLine,
    check_cpu,
    is_command_line,
    parse_arguments,
    parse_cpu,
    split_command_line,
)
from vcpuid.terms.guest import Accelerator
from vcpuid.terms.place import Place


def guest_of_xml(content: bytes, source: str) -> Guest:
    """Give the guest that a domain XML or <cpu> asks for.

    Raises:
        InputError: It is none, or damaged.
    """
    return Guest(label=f"XML {source}", definition=parse_domain(content, source))


def guest_of_cpu(text: str, source: str) -> Guest:
    """Give the guest that the value of a -cpu option asks for, under KVM.

    Raises:
        InputError: It is none.
    """
    check_cpu(text)
    place = Place(source)
    command = CommandLine((parse_cpu(text, place),), Accelerator.KVM, None, None, place)
    return Guest(label=f"-cpu {text}", command=command)


def guest_of_text(content: bytes, source: str) -> Guest:
    """Give the guest that a text asks for, in the dialect that its content shows.

    Raises:
        InputError: It asks for no CPU, or cannot be read.
    """
    match kind_of(Text(content, source)).name:
        case "domain XML":
            return guest_of_xml(content, source)
        case "nova.conf":
            return Guest(label=f"nova.conf {source}", nova=parse_nova_files([_parse_conf(content, source)]))
        case "-cpu string":
            text = content.decode().strip()
            if not is_command_line(text):
                return guest_of_cpu(text, source)
            command = parse_arguments(split_command_line(text, source), Place(source))
            return Guest(label=f"command line {source}", command=command)
    raise InputError(
        "it asks for no CPU", source=source, expected="a domain XML or <cpu>, a nova.conf or a -cpu string"
    )


def _parse_conf(content: bytes, source: str) -> NovaFile:
    try:
        return parse_ini(content.decode(), source)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError("not UTF-8, which Nova reads", source=source, line=line) from None
