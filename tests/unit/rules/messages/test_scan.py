"""Finding messages: wrapped in JSON, YAML, tracebacks and colours, broken over lines, in long logs."""

from __future__ import annotations

import json

import pytest

from vcpuid.rules.messages.scan import scan

MISSING = "guest CPU doesn't match specification: missing features: hle,rtm"
WARNING = "qemu-system-x86_64: warning: host doesn't support requested feature: CPUID.07H:EBX.sgx [bit 2]"


def found(text: str) -> list[tuple[str, int]]:
    return [(occurrence.message.name, occurrence.line) for occurrence in scan(text)]


@pytest.mark.parametrize(
    "text",
    [
        MISSING,
        f"error: operation failed: {MISSING}\n",
        json.dumps({"component": "virt-launcher", "msg": f"operation failed: {MISSING}", "pos": "x:1"}),
        json.dumps({"reason": json.dumps({"message": f"virError(Code=9, Message='{MISSING}')"})}),
        "failureReason: 'virError(Message=''" + MISSING.replace("'", "''") + "'')'",
        f"\x1b[31merror:\x1b[0m {MISSING}\r\n",
        MISSING.replace("'", "\u2019"),
        MISSING.replace(" missing", "\n      missing").replace(" match", "\n match"),
        MISSING.replace("hle,rtm", "hle,\n  rtm"),
    ],
    ids=["bare", "virsh", "json", "json twice", "yaml", "colour", "typographer", "wrapped", "wrapped list"],
)
def test_a_message_is_found_in_its_wrapping(text: str) -> None:
    (occurrence,) = scan(text)
    assert occurrence.message.name == "libvirt.missing-features"
    assert occurrence.line == 1
    assert occurrence.values["features"].replace(" ", "") == "hle,rtm"


def test_what_follows_a_list_is_not_in_it() -> None:
    (occurrence,) = scan(f"{MISSING}\nTraceback (most recent call last):\n")
    assert occurrence.values["features"] == "hle,rtm"


@pytest.mark.parametrize("blank", ["\n", "x" * 70 + "\n", "\u00e4\n", "x" * 40_000 + "\n"])
def test_lines_are_counted_over_long_logs(blank: str) -> None:
    lines = 200_000 // len(blank) + 3
    assert found(blank * lines + WARNING + "\n" + blank * 3 + MISSING) == [
        ("qemu.feature-not-supported", lines + 1),
        ("libvirt.missing-features", lines + 5),
    ]


@pytest.mark.parametrize("before", range(65_400, 65_560, 7))
def test_a_message_at_the_end_of_a_block_is_found_once(before: int) -> None:
    assert len(found("x" * 300 + "\n" + "y" * (before - 301) + " " + WARNING + "\n" + "z\n" * 50_000)) == 1


def test_of_two_messages_that_overlap_the_more_special_counts() -> None:
    assert found("failed to set MSR 0x10a to 0x69") == [("qemu.arch-capabilities-msr", 1)]
    assert found("failed to set MSR 0x10b to 0x69") == [("qemu.msr-refused", 1)]
    assert found("unable to find CPU model '+sgx'") == [("qemu.plus-as-model", 1)]


@pytest.mark.parametrize("text", ["", "\n", "all is well", "host doesn't support", "missing features:"])
def test_nothing_is_found_where_nothing_is(text: str) -> None:
    assert found(text) == []
