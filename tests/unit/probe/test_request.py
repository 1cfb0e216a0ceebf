"""What is asked of QEMU, and what is not."""

from __future__ import annotations

import pytest

from vcpuid.errors import UsageError
from vcpuid.probe.request import make_request
from vcpuid.terms.guest import Accelerator


@pytest.mark.parametrize(
    ("smp", "count"), [(1, 1), ("4", 4), ("4,sockets=2,cores=2", 4), ("sockets=2,cpus=2", 2), (255, 255)]
)
def test_the_number_of_cpus(smp: int | str, count: int) -> None:
    assert make_request("max", "tcg", smp=smp).cpu_count == count


@pytest.mark.parametrize("smp", [0, 256, "", "sockets=2", "x", "-1", "4 "])
def test_a_number_that_cannot_be_asked(smp: int | str) -> None:
    with pytest.raises(UsageError):
        make_request("max", "tcg", smp=smp)


@pytest.mark.parametrize("cpu", ["", "help", "?", "Haswell,help", "a\0b"])
def test_what_qemu_would_take_for_another_question(cpu: str) -> None:
    with pytest.raises(UsageError):
        make_request(cpu, "tcg")


def test_an_unknown_accelerator() -> None:
    with pytest.raises(UsageError, match="expected kvm or tcg"):
        make_request("max", "xen")


def test_the_command_has_no_device_but_the_console_and_the_exit() -> None:
    command = make_request("Haswell,-avx2", Accelerator.TCG, smp=2).command("/q", "/rom", sandboxed=True)
    values = {word: command[number + 1] for number, word in enumerate(command[:-1]) if word.startswith("-")}
    devices = [command[number + 1] for number, word in enumerate(command) if word == "-device"]
    assert command[0] == "/q"
    assert (values["-cpu"], values["-smp"], values["-accel"]) == ("Haswell,-avx2", "2", "tcg")
    assert {"-nodefaults", "-no-user-config", "-no-reboot"} <= set(command)
    assert [device.partition(",")[0] for device in devices] == ["isa-debugcon", "isa-debug-exit"]
    assert values["-sandbox"].startswith("on,")
    assert "-sandbox" not in make_request("max", "tcg").command("/q", "/rom", sandboxed=False)
    assert not {"-drive", "-netdev", "-nic", "-monitor", "-qmp", "-S"} & set(command)
