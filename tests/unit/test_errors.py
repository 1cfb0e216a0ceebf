"""How errors read."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vcpuid import errors
from vcpuid.errors import (
    AmbiguousNameError,
    InputError,
    UndecidedError,
    UnknownNameError,
    UsageError,
    VcpuidError,
    how_to_install,
    install_command,
)


def test_an_error_leads_to_its_place_and_on() -> None:
    error = InputError(
        "cpu_mode is unknown",
        source="nova.conf",
        line=14,
        found="'hostmodel'",
        expected="host-model",
        next_step="Write host-model.",
    )
    assert str(error) == (
        "nova.conf:14: cpu_mode is unknown: found 'hostmodel', expected host-model\n  Write host-model."
    )


def test_a_fault_is_told_again_with_other_advice() -> None:
    error = InputError("damaged", source="dump.txt", line=3, found="'x'", next_step="Mend it.")
    assert str(error.advising("Take it again.", expected="a row")) == (
        "dump.txt:3: damaged: found 'x', expected a row\n  Take it again."
    )
    told = InputError("damaged", expected="eight digits")
    assert str(told.advising(None, expected="a row")) == "damaged: expected eight digits"


def test_an_error_without_details_is_its_message() -> None:
    assert str(VcpuidError("broken")) == "broken"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError("x"), 2),
        (InputError("x"), 3),
        (UndecidedError("x"), 4),
        (UnknownNameError("x", ()), 2),
        (AmbiguousNameError("x", ()), 2),
    ],
)
def test_each_kind_has_its_exit_status(error: VcpuidError, status: int) -> None:
    assert error.exit_status == status


def test_an_unknown_name_comes_with_near_ones() -> None:
    error = UnknownNameError("sqx", ("sgx", "sgx1"))
    assert "found 'sqx'\n  Near names: sgx, sgx1." in str(error)
    assert "expected" not in str(UnknownNameError("sqx", ()))


def test_an_ambiguous_name_comes_with_its_meanings() -> None:
    error = AmbiguousNameError("stibp", (("7.0.edx.27", "Intel's bit"), ("80000008.0.ebx.15", "AMD's bit")))
    assert "--vendor:\n  7.0.edx.27  Intel's bit\n  80000008.0.ebx.15  AMD's bit" in str(error)


def test_an_extra_is_installed_where_vcpuid_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "_CHECKOUT", tmp_path)
    assert how_to_install("fleet", "spark").endswith(": pip install 'vcpuid[fleet,spark]'")
    prepare = tmp_path / "tools/prepare_venv.py"
    prepare.parent.mkdir()
    prepare.touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    assert how_to_install("fleet").endswith(f": python3 {prepare} fleet")
    monkeypatch.setattr(sys, "prefix", "/opt/env")
    assert how_to_install("web").endswith(f": python3 {prepare} web --venv /opt/env")
    assert install_command("web") == f"python3 {prepare} web --venv /opt/env"
