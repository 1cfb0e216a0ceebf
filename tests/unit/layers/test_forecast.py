"""What a guest will get, before anybody has seen it."""

from __future__ import annotations

import pytest

from snapshots import Data, cpu_map, domain_xml, domains, evidence, kvm, libvirt, nova, processes, qemu, row, rows
from vcpuid.answers.why import why
from vcpuid.atlas import Atlas
from vcpuid.evidence import Evidence
from vcpuid.evidence.guest import Guest, guest_of_domain, guest_of_process
from vcpuid.guest.nova import NovaCpu
from vcpuid.layers.forecast import argument_of, forecast
from vcpuid.terms.verdict import Basis, Layer, State

AVX2, SGX, FPU = 1 << 5, 1 << 2, 1
HOST: dict[str, Data] = {
    "kvm": kvm(rows(_1_0=row(ecx=1 << 26 | 1 << 27 | 1 << 28, edx=FPU), _7_0=row(ebx=AVX2), _d_0=row(eax=7))),
    "libvirt": libvirt("<model>Skylake</model><feature policy='require' name='avx2'/>", map_=cpu_map()),
    "qemu": qemu(),
}


def of_domain(cpu: str, more: str = "", **sources: Data) -> tuple[Evidence, Guest]:
    host = evidence(**{**HOST, "domains": domains(inactive=domain_xml(cpu, more=more)), **sources})
    return host, guest_of_domain(host, "web-1")


def of_process(*args: str, **sources: Data) -> tuple[Evidence, Guest]:
    host = evidence(**{**HOST, "processes": processes(*args), **sources})
    return host, guest_of_process(host, 4711)


def has(found: tuple[Evidence, Guest], name: str) -> State:
    predicted = forecast(*found)
    assert predicted is not None
    return predicted.has(Atlas.load().find(name).feature)


class TestArgument:
    @pytest.mark.parametrize(
        ("cpu", "argument"),
        [
            ("<cpu mode='host-passthrough'/>", "host,migratable=on"),
            ("<cpu mode='host-passthrough' migratable='off'/>", "host,migratable=off"),
            ("<cpu mode='maximum'/>", "max"),
            ("", "qemu64"),
            ("<cpu mode='host-model'/>", "Skylake,avx2=on"),
            ("<cpu mode='custom'><model>qemu64</model></cpu>", "qemu64"),
            (
                (
                    "<cpu mode='custom'><model>qemu64</model><feature policy='require' name='sgxlc'/>"
                    "<feature policy='disable' name='avx2'/></cpu>"
                ),
                "qemu64,sgxlc=on,avx2=off",
            ),
            (
                (
                    "<cpu mode='custom'><model>qemu64</model><feature policy='optional' name='avx2'/>"
                    "<feature policy='optional' name='sgx'/></cpu>"
                ),
                "qemu64,avx2=on,sgx=off",
            ),
            ("<cpu mode='custom'><model>Skylake-noavx2</model></cpu>", "Skylake-noavx2,avx2=off"),
        ],
    )
    def test_a_definition_becomes_what_libvirt_would_write(self, cpu: str, argument: str) -> None:
        found = argument_of(*of_domain(cpu))
        assert found is not None
        assert found.text == argument

    def test_a_process_has_its_own(self) -> None:
        found = argument_of(*of_process("-cpu", "Haswell", "-cpu", "Nehalem,+avx2"))
        assert found is not None
        assert found.text == "Nehalem,+avx2"


class TestForecast:
    def test_asked_for_and_given(self) -> None:
        assert has(of_process("-accel", "kvm", "-cpu", "Haswell"), "avx2") is State.PRESENT

    def test_asked_for_and_not_to_be_had(self) -> None:
        assert has(of_process("-accel", "kvm", "-cpu", "Haswell,+sgx"), "sgx") is State.ABSENT

    def test_not_asked_for(self) -> None:
        assert has(of_process("-accel", "kvm", "-cpu", "qemu64"), "avx2") is State.ABSENT

    def test_without_kvms_list_nothing_is_promised(self) -> None:
        host = evidence(qemu=qemu(), processes=processes("-accel", "kvm", "-cpu", "Haswell"))
        assert has((host, guest_of_process(host, 4711)), "avx2") is State.UNKNOWN

    @pytest.mark.parametrize(
        "found",
        [
            of_process("-cpu", "no-model"),
            of_process("-cpu", "qemu64,no-flag=on"),
            of_process("-cpu", "qemu64", "-machine", "pc-q35-99.9"),
            of_domain("<cpu mode='custom'><model>no-model</model></cpu>"),
            of_domain("", "<launchSecurity type='tdx'/>"),
            of_domain("<cpu mode='host-model'/>", libvirt=libvirt(map_=cpu_map())),
            of_domain("", qemu=qemu("a fork"), libvirt={"version": {}, "domain_capabilities": [], "map": None}),
        ],
        ids=["model", "flag", "machine", "libvirt's model", "module", "host-model", "version"],
    )
    def test_what_nobody_can_tell(self, found: tuple[Evidence, Guest]) -> None:
        assert forecast(*found) is None


class TestWhy:
    def test_a_guest_that_does_not_run_is_predicted_and_marked(self) -> None:
        host, guest = of_domain("<cpu mode='custom'><model>qemu64</model></cpu>")
        answer = why("sgx", host, guest)
        verdict = answer.verdicts[Layer.GUEST]
        assert (answer.got, verdict.basis) == (State.ABSENT, Basis.PREDICTED)
        assert verdict.rules_version == "the rules of QEMU 7.2"
        assert answer.is_predicted

    def test_what_was_seen_overrides_it(self) -> None:
        live = domain_xml("<cpu mode='custom'><model>qemu64</model><feature policy='require' name='sgx'/></cpu>")
        host, guest = of_domain("", domains=domains(inactive=live, started=live, live=live, pid=4711))
        answer = why("sgx", host, guest)
        assert answer.got is State.PRESENT
        assert not answer.is_predicted

    def test_nova_conf_too(self) -> None:
        host = evidence(**HOST, nova=nova(cpu_mode="none"))
        assert host.nova is not None
        assert isinstance(host.nova, NovaCpu)
        assert why("avx2", host, Guest("nova.conf", nova=host.nova)).got is State.ABSENT

    def test_a_model_of_nova_in_any_letters(self) -> None:
        host = evidence(**HOST, nova=nova(cpu_mode="custom", cpu_models="SKYLAKE", cpu_model_extra_flags="-avx2"))
        assert isinstance(host.nova, NovaCpu)
        argument = argument_of(host, Guest("nova.conf", nova=host.nova))
        assert argument is not None
        assert argument.text == "Skylake,avx2=off"

    @pytest.mark.parametrize(
        "options",
        [
            {"cpu_model_extra_flags": "+avx2, -avx2"},
            {"cpu_mode": "custom"},
            {"cpu_mode": "odd"},
            {"cpu_mode": "$images_type"},
        ],
    )
    def test_what_nova_leaves_open_is_not_predicted(self, options: dict[str, str]) -> None:
        host = evidence(**HOST, nova=nova(**options))
        assert isinstance(host.nova, NovaCpu)
        assert forecast(host, Guest("nova.conf", nova=host.nova)) is None
