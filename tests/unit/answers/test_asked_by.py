from __future__ import annotations

import pytest

from vcpuid.answers.asked_by import guest_of_text
from vcpuid.errors import InputError
from vcpuid.terms.guest import Accelerator


def test_the_content_decides_what_asks() -> None:
    domain = guest_of_text(b"<domain type='kvm'><cpu mode='host-model'/></domain>", "a.xml")
    assert domain.definition is not None
    conf = guest_of_text(b"[libvirt]\nvirt_type = kvm\ncpu_mode = none\n", "nova.conf")
    assert conf.nova is not None
    assert conf.nova.accelerator is Accelerator.KVM
    string = guest_of_text(b" Haswell,+sgx \n", "text")
    assert (string.label, string.accelerator) == ("-cpu Haswell,+sgx", Accelerator.KVM)
    line = guest_of_text(b"qemu-system-x86_64 -accel tcg -cpu Haswell -cpu host", "ps.txt")
    assert line.command is not None
    assert len(line.command.cpus) == 2
    assert line.accelerator is Accelerator.TCG


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<model name='a'/>", "it asks for no CPU"),
        (b"hello", "no kind of file that can be linted"),
        (b"[libvirt]\ncpu_mode = \xff\n", "not UTF-8, which Nova reads"),
    ],
)
def test_what_asks_for_no_cpu_is_told(content: bytes, message: str) -> None:
    with pytest.raises(InputError) as error:
        guest_of_text(content, "a")
    assert error.value.message == message
