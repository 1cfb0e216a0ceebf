"""The careful view of somebody else's JSON."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vcpuid.errors import InputError
from vcpuid.snapshot.node import Node


def node(value: object, path: str = "a.b") -> Node:
    return Node(value, path, "host.json")


def test_values_of_the_right_type_are_given() -> None:
    assert node("x").text() == "x"
    assert node(7).number() == 7
    assert node(value=True).truth() is True
    assert node("0000001c").hexadecimal() == 0x1C
    assert node("0012").decimal() == 12
    assert node("1 2 ffffffff 0").registers() == (1, 2, 0xFFFFFFFF, 0)
    assert node(["a", "b"]).texts() == ("a", "b")
    assert [(key, member.path) for key, member in node({"c": 1}).members()] == [("c", "a.b.c")]


@pytest.mark.parametrize(
    ("read", "value", "found", "expected"),
    [
        (Node.text, 7, "7", "a text"),
        (Node.text, None, "nothing (null)", "a text"),
        (Node.number, "7", "'7'", "a number"),
        (Node.number, "7" * 5000, repr("7" * 60), "a number"),
        (Node.number, True, "true", "a number"),
        (Node.number, 1.5, "1.5", "a number"),
        (Node.truth, 1, "1", "true or false"),
        (Node.hexadecimal, "xyz", "'xyz'", "hexadecimal digits"),
        (Node.hexadecimal, 12, "12", "a text"),
        (Node.decimal, "1c", "'1c'", "decimal digits"),
        (Node.decimal, "9" * 5000, repr("9" * 40), "decimal digits"),
        (Node.registers, "1 2 3", "'1 2 3'", "four hexadecimal words, eax ebx ecx edx"),
        (Node.registers, "1 2 3 x", "'1 2 3 x'", "four hexadecimal words, eax ebx ecx edx"),
        (Node.registers, "1 2 3 100000000", "'1 2 3 100000000'", "words of 32 bits"),
        (Node.registers, "1 2 3 -1", "'1 2 3 -1'", "words of 32 bits"),
        (Node.texts, {}, "an object", "a list"),
        (lambda node: list(node.members()), [], "a list", "an object"),
        (lambda node: node["c"], {}, "no member 'c'", "a member 'c'"),
        (lambda node: node["c"], "x", "'x'", "an object"),
        (lambda node: node.get("c"), 7, "7", "an object"),
    ],
)
def test_a_value_of_another_type_says_where_and_what(
    read: Callable[[Node], object], value: object, found: str, expected: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(node(value))
    error = caught.value
    assert error.message == "a.b is damaged"
    assert (error.source, error.found, error.expected) == ("host.json", found, expected)


def test_paths_lead_into_lists_and_objects() -> None:
    with pytest.raises(InputError, match=r"a\.b\.c\[1\]\.d is damaged"):
        [item["d"].text() for item in node({"c": [{"d": "x"}, {"d": 1}]})["c"]]


def test_a_member_that_is_missing_or_null_is_none() -> None:
    assert node({"c": None}).get("c") is None
    assert node({}).get("c") is None


def test_the_root_is_the_document() -> None:
    with pytest.raises(InputError, match="the document is damaged"):
        node([], "").get("c")
