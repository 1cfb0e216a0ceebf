"""The measuring of a QEMU, where the binary is no QEMU, hangs, or leaves half-way; and what it reads."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tools.qemu import binary, features
from tools.qemu.binary import Binary, QemuError

GREETING = '{"QMP": {"version": {}}}'


def script(folder: Path, text: str) -> Binary:
    path = folder / "qemu.py"
    path.write_text(text, encoding="utf-8")
    return Binary((sys.executable, str(path)))


def test_what_is_no_qemu_is_told(tmp_path: Path) -> None:
    with pytest.raises(QemuError, match="which no QEMU prints"):
        _ = script(tmp_path, "print('hello')").banner
    with pytest.raises(QemuError, match="no such option"):
        _ = script(tmp_path, "raise SystemExit('no such option')").banner


def test_the_release_stands_in_the_banner(tmp_path: Path) -> None:
    fake = script(tmp_path, "print('QEMU emulator version 9.1.0 (Some 1:9.1)')")
    assert (fake.banner, fake.release) == ("9.1.0 (Some 1:9.1)", "9.1.0")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise SystemExit('no KVM here')", "no KVM here"),
        (f"print('{GREETING}', flush=True)", "it ended the conversation"),
    ],
)
def test_one_that_leaves_half_way_is_told_by_its_last_words(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(QemuError, match=said):
        script(tmp_path, text).ask((), [("query-version", {})])


def test_one_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary, "PATIENCE_S", 0.2)
    with pytest.raises(QemuError):
        script(tmp_path, f"import time; print('{GREETING}', flush=True); time.sleep(60)").ask(
            (), [("query-version", {})]
        )


def test_warnings_of_both_forms_name_msr_bits() -> None:
    printed = (
        "warning: TCG doesn't support requested feature: MSR(10AH).rdctl-no [bit 0]\n"
        "warning: This feature depends on other features that were not requested: MSR(48Bh).vmx-ept [bit 1]\n"
        "warning: TCG doesn't support requested feature: CPUID[eax=07h,ecx=00h].EBX.sgx [bit 2]\n"
    )
    found = features.Features()
    features._read_msrs(printed, found)
    # A VMX control's number n is the allowed-1 bit 32+n.
    assert found.bits == {"rdctl-no": ("msr.10a.0",), "vmx-ept": ("msr.48b.33",)}


@pytest.mark.parametrize("count", [1, 2, 100, 440])
def test_codes_tell_features_apart_and_two_from_one(count: int) -> None:
    names = [str(number) for number in range(count)]
    codes = features._codes(names)
    assert len(set(codes.values())) == count
    assert {len(code) for code in codes.values()} == {features.CODE_WEIGHT}
