"""Can guests run there? Both ways, with reasons."""

from __future__ import annotations

import json

import pytest

from cpus import cpu
from snapshots import (
    MAP_MODELS,
    Data,
    cpu_map,
    cpuid,
    document,
    domain_capabilities,
    domain_xml,
    evidence,
    kernel,
    kvm,
    libvirt,
    qemu,
    row,
    rows,
)
from vcpuid.answers.compare import CompareAnswer, Compatibility, compare
from vcpuid.answers.party import Basis, Party, read_parties
from vcpuid.errors import UsageError
from vcpuid.evidence.libvirt import LibvirtEvidence
from vcpuid.rules.libvirt.compare import Relation
from vcpuid.terms.verdict import Layer

AVX2, SGX, FPU = 1 << 5, 1 << 2, 1
SKYLAKE = "<model>Skylake</model><vendor>Intel</vendor>"
WITH_SGX = f"{SKYLAKE}<feature policy='require' name='sgx'/>"


def party(text: str, name: str = "file") -> Party:
    (one,) = read_parties(text.encode(), name)
    return one


def host(name: str = "h07", **sources: Data) -> Party:
    return party(json.dumps({**document(**sources), "host": {"name": name, "machine": "x86_64"}}))


def offering(model: str, name: str = "h07", **more: Data) -> Party:
    return host(name, libvirt=libvirt(model, map_=cpu_map()), **more)


def guest(content: str, attributes: str = "mode='custom' match='exact'") -> Party:
    return party(f"<cpu {attributes}>{content}</cpu>", "guest")


def missing(answer: CompareAnswer) -> list[str]:
    return [one.feature for one in answer.there.missing]


class TestTwoHosts:
    def test_equal_hosts_are_compatible_both_ways(self) -> None:
        answer = compare(offering(SKYLAKE), offering(SKYLAKE, "h08"))
        assert answer.compatibility is Compatibility.COMPATIBLE
        assert answer.back is not None
        assert (answer.there.relation, answer.back.relation) == (Relation.IDENTICAL, Relation.IDENTICAL)

    def test_one_way_streets_are_told(self) -> None:
        answer = compare(offering(SKYLAKE), offering(WITH_SGX, "h08"))
        assert answer.back is not None
        assert answer.there.compatibility is Compatibility.COMPATIBLE
        assert answer.there.extra == ("sgx",)
        assert answer.back.compatibility is Compatibility.INCOMPATIBLE
        assert [one.feature for one in answer.back.missing] == ["sgx"]
        assert answer.compatibility is Compatibility.INCOMPATIBLE

    def test_other_vendors_never_fit(self) -> None:
        amd = offering("<model>Skylake</model><vendor>AMD</vendor>", "h08")
        answer = compare(offering(SKYLAKE), amd)
        assert answer.there.compatibility is Compatibility.INCOMPATIBLE
        assert "Intel" in answer.there.reason
        assert "AMD" in answer.there.reason

    def test_a_loss_is_blamed_on_the_layer_of_the_target(self) -> None:
        with_leaf = rows(_7_0=row(ebx=AVX2 | SGX))
        target = offering(
            SKYLAKE,
            "h08",
            cpuid=cpuid(with_leaf),
            kvm=kvm(rows(_7_0=row(ebx=AVX2))),
            kernel=kernel(),
        )
        (lost,) = compare(offering(WITH_SGX), target).there.missing
        assert (lost.feature, lost.layer, lost.is_sure) == ("sgx", Layer.KVM, True)
        assert lost.mend

    def test_kvms_list_alone_leaves_it_unknown(self) -> None:
        supported = rows(_1_0=row(ecx=1 << 22, edx=FPU), _7_0=row(ebx=AVX2))
        target = host("h08", kvm=kvm(supported), libvirt=libvirt(map_=cpu_map()))
        answer = compare(offering(SKYLAKE.replace("<vendor>Intel</vendor>", "")), target)
        assert answer.there.compatibility in (Compatibility.UNKNOWN, Compatibility.INCOMPATIBLE)
        assert not missing(answer)


class TestWhatQemuTellsUnasked:
    """QEMU 10.0 and newer tell of ht where a socket has several CPUs; libvirt 11.3 stops a complete definition."""

    GUEST = SKYLAKE + "<topology sockets='1' cores='2' threads='1'/>"

    @pytest.mark.parametrize(
        ("qemu", "version", "check", "expected"),
        [
            ("10.0.13", "11.3.0", "full", Compatibility.INCOMPATIBLE),
            ("10.0.13", "12.8.0", "full", Compatibility.UNKNOWN),
            ("10.0.13", "", "full", Compatibility.UNKNOWN),
            ("10.0.13", "11.3.0", "partial", Compatibility.COMPATIBLE),
            ("9.2.4", "11.3.0", "full", Compatibility.COMPATIBLE),
        ],
    )
    def test_the_targets_programs_decide(
        self, qemu: str, version: str, check: str, expected: Compatibility
    ) -> None:
        versions = {"library": version, "daemon": version, "hypervisor": f"QEMU {qemu}"}
        target = host("h08", libvirt=libvirt(SKYLAKE, map_=cpu_map(), version=versions))
        asked = guest(self.GUEST, f"mode='custom' match='exact' check='{check}'")
        way = compare(asked, target).there
        assert way.compatibility is expected
        assert way.forbidden == (("ht",) if expected is Compatibility.INCOMPATIBLE else ())
        assert (f"QEMU {qemu} tells of ht" in way.reason) is (expected is not Compatibility.COMPATIBLE)

    def test_a_target_without_a_snapshot_is_not_blamed(self) -> None:
        target = party(domain_capabilities("<model>Nehalem</model><vendor>Intel</vendor>")["xml"])
        asked = self.GUEST.replace(SKYLAKE, "<model>Nehalem</model>")
        way = compare(guest(asked, "mode='custom' match='exact' check='full'"), target).there
        assert way.compatibility is Compatibility.COMPATIBLE


class TestNamesOfANewerLibvirt:
    """One host's libvirt has names that the common map lacks."""

    NEWER = "<model>qemu64</model><feature policy='require' name='sha512'/>"

    def newer(self) -> Party:
        return party(
            f"<domainCapabilities><cpu><mode name='host-model' supported='yes'>{self.NEWER}</mode></cpu>"
            "</domainCapabilities>",
            "newer",
        )

    def test_a_libvirt_without_the_name_does_not_start_it(self) -> None:
        answer = compare(self.newer(), offering("<model>qemu64</model>"))
        assert answer.there.compatibility is Compatibility.INCOMPATIBLE
        assert ("sha512", Layer.LIBVIRT) in [(one.feature, one.layer) for one in answer.there.missing]

    def test_where_the_targets_map_is_not_known_it_stays_open(self) -> None:
        cpu_map_ = offering(SKYLAKE).cpu_map
        equal = party(
            "<domainCapabilities><cpu><mode name='host-model' supported='yes'><model>qemu64</model></mode></cpu>"
            "</domainCapabilities>",
            "silent",
        )
        answer = compare(self.newer(), equal, cpu_map_)
        assert answer.there.compatibility is Compatibility.UNKNOWN
        assert "sha512" in answer.there.reason

    def test_what_both_have_is_not_missing(self) -> None:
        answer = compare(self.newer(), self.newer(), offering(SKYLAKE).cpu_map)
        assert answer.there.compatibility is Compatibility.COMPATIBLE


class TestAccelerators:
    """A guest is compared with what the host gives under the guest's accelerator."""

    def both(self) -> Party:
        data = libvirt(SKYLAKE, map_=cpu_map())
        data["domain_capabilities"].append(domain_capabilities("<model>qemu64</model>", "qemu"))
        return host(libvirt=data)

    def guest(self, type_: str) -> Party:
        return party(domain_xml("<cpu mode='custom'><model>Skylake</model></cpu>", type_=type_))

    def test_kvm_and_tcg_give_different_features(self) -> None:
        assert compare(self.guest("kvm"), self.both()).compatibility is Compatibility.COMPATIBLE
        emulated = compare(self.guest("qemu"), self.both())
        assert emulated.compatibility is Compatibility.INCOMPATIBLE
        assert [(one.feature, one.layer) for one in emulated.there.missing] == [("movbe", None), ("avx2", None)]

    @pytest.mark.parametrize("target", [offering(SKYLAKE), host(kvm=kvm(rows()))])
    def test_a_host_that_does_not_tell_is_unknown(self, target: Party) -> None:
        answer = compare(self.guest("qemu"), target)
        assert answer.compatibility is Compatibility.UNKNOWN
        assert "under tcg" in answer.there.reason


def test_check_none_starts_without_what_is_missing() -> None:
    unchecked = guest("<model>Skylake</model>", "mode='custom' check='none'")
    answer = compare(unchecked, offering("<model>qemu64</model>"))
    assert answer.compatibility is Compatibility.INCOMPATIBLE
    assert "silently without" in answer.there.reason


CUSTOM = """<mode name='custom' supported='yes'><model usable='yes'>qemu64</model>{models}</mode>"""


def telling(models: str) -> Party:
    """Give a host whose domain capabilities tell which named models it can run."""
    return party(
        f"<domainCapabilities><cpu><mode name='host-model' supported='yes'>{SKYLAKE}</mode>"
        f"{CUSTOM.format(models=models)}</cpu></domainCapabilities>",
        "host",
    )


class TestUnusableModels:
    """The named model is one that the host's domain capabilities call unusable."""

    MAP = evidence(libvirt=libvirt(map_=cpu_map()))

    def compare(self, content: str, models: str) -> CompareAnswer:
        assert isinstance(self.MAP.libvirt, LibvirtEvidence)
        return compare(guest(f"<model>Skylake</model>{content}"), telling(models), self.MAP.libvirt.cpu_map)

    def test_what_blocks_it_is_missing(self) -> None:
        blocked = "<model usable='no'>Skylake</model><blockers model='Skylake'><feature name='sgx'/></blockers>"
        answer = self.compare("", blocked)
        assert answer.compatibility is Compatibility.INCOMPATIBLE
        assert missing(answer) == ["sgx"]
        assert "QEMU's Skylake" in answer.there.reason

    def test_what_blocks_it_may_be_taken_away(self) -> None:
        blocked = "<model usable='no'>Skylake</model><blockers model='Skylake'><feature name='sgx'/></blockers>"
        answer = self.compare("<feature policy='disable' name='sgx'/>", blocked)
        assert answer.compatibility is Compatibility.COMPATIBLE

    @pytest.mark.parametrize(
        ("marked", "compatibility"),
        [("Skylake", Compatibility.COMPATIBLE), ("Skylake-noavx2", Compatibility.INCOMPATIBLE)],
    )
    def test_by_qemus_word_only_a_disabled_feature_blocks_no_more(
        self, marked: str, compatibility: Compatibility
    ) -> None:
        start = f"<model name='{marked}'>"
        models = MAP_MODELS.replace(start, f"{start}<check partial='compat'/>")
        read = evidence(libvirt=libvirt(map_=cpu_map(models=models))).libvirt
        assert isinstance(read, LibvirtEvidence)
        blocked = "<model usable='no'>Skylake</model><blockers model='Skylake'><feature name='sgx'/></blockers>"
        asking = guest("<model>Skylake</model><feature policy='optional' name='sgx'/>")
        assert compare(asking, telling(blocked), read.cpu_map).compatibility is compatibility

    def test_the_hosts_own_model_says_what_it_loses(self) -> None:
        assert self.compare("", "<model usable='no'>Skylake</model>").compatibility is Compatibility.COMPATIBLE

    def test_where_nobody_says_it_is_unknown(self) -> None:
        answer = compare(
            guest("<model>Skylake-noavx2</model>"),
            telling("<model usable='no'>Skylake-noavx2</model>"),
            self.MAP.libvirt.cpu_map if isinstance(self.MAP.libvirt, LibvirtEvidence) else None,
        )
        assert answer.compatibility is Compatibility.UNKNOWN
        assert "does not say by what" in answer.there.reason


class TestDumps:
    def test_what_cpuid_lacks_is_lost_for_sure(self) -> None:
        answer = compare(offering(WITH_SGX), host("h08", cpuid=cpuid(rows(_7_0=row(ebx=AVX2)))))
        lost = {one.feature: one for one in answer.there.missing}
        assert lost["sgx"].is_sure
        assert answer.there.compatibility is Compatibility.INCOMPATIBLE

    def test_what_kvm_may_make_is_not(self) -> None:
        source = offering(f"{SKYLAKE}<feature policy='require' name='arch-capabilities'/>")
        everything = rows(_1_0=row(ecx=1 << 22, edx=FPU), _7_0=row(ebx=AVX2))
        target = host("h08", cpuid=cpuid(everything), libvirt=libvirt(map_=cpu_map()))
        way = compare(source, target)._replace().there
        if way.missing:  # the vendor of the small map is not known: then the answer is no for that alone
            assert [(one.feature, one.is_sure) for one in way.missing] == [("arch-capabilities", False)]
            assert way.compatibility is Compatibility.UNKNOWN

    def test_what_the_targets_dump_does_not_tell_is_not_lost(self) -> None:
        bits = {(1, 0): (0x506E3, 0, 0, FPU), (7, 0): (0, AVX2, 0, 0)}
        told = Party("told", Basis.CPUID, cpus=(cpu(bits, msrs={0x10A: 1}),))
        silent = Party("silent", Basis.CPUID, cpus=(cpu(bits),))
        answer = compare(told, silent)
        assert answer.compatibility is Compatibility.UNKNOWN
        assert "was not read" in answer.there.reason
        assert [(one.feature, one.layer, one.is_sure) for one in answer.there.missing] == [
            ("rdctl-no", None, False)
        ]
        assert answer.back is not None
        assert (answer.back.missing, answer.back.extra) == ((), ())

    def test_what_the_targets_dump_denies_is_lost(self) -> None:
        has, lacks = (
            Party("host", Basis.CPUID, cpus=(cpu({(1, 0): (0x506E3, 0, 0, FPU)}, msrs={0x10A: bit}),))
            for bit in (1, 0)
        )
        (lost,) = compare(has, lacks).there.missing
        assert (lost.feature, lost.layer, lost.is_sure) == ("rdctl-no", Layer.SILICON, True)

    def test_no_difference_is_no_promise(self) -> None:
        bits = rows(_1_0=row(edx=FPU), _7_0=row(ebx=AVX2))
        answer = compare(host(cpuid=cpuid(bits)), host("h08", cpuid=cpuid(bits)))
        assert answer.compatibility is Compatibility.UNKNOWN
        assert "CPUID alone" in answer.there.reason


class TestGuests:
    def test_a_guest_that_fits(self) -> None:
        answer = compare(guest("<model>Skylake</model>"), offering(WITH_SGX))
        assert (answer.back, answer.there.extra) == (None, ("sgx",))

    def test_a_guest_that_asks_for_more(self) -> None:
        answer = compare(guest("<model>Skylake</model><feature policy='require' name='sgx'/>"), offering(SKYLAKE))
        assert missing(answer) == ["sgx"]
        assert answer.compatibility is Compatibility.INCOMPATIBLE

    def test_what_is_optional_or_disabled_is_not_missing(self) -> None:
        content = (
            "<model>Skylake</model><feature policy='optional' name='sgx'/><feature policy='disable' name='sgxlc'/>"
        )
        assert not missing(compare(guest(content), offering(SKYLAKE)))

    def test_what_is_forbidden_and_there(self) -> None:
        answer = compare(guest("<model>qemu64</model><feature policy='forbid' name='sgx'/>"), offering(WITH_SGX))
        assert answer.there.forbidden == ("sgx",)
        assert answer.compatibility is Compatibility.INCOMPATIBLE

    @pytest.mark.parametrize("mode", ["host-passthrough", "host-model", "maximum"])
    def test_modes_of_the_host_are_no_definition(self, mode: str) -> None:
        answer = compare(guest("", f"mode='{mode}'"), offering(SKYLAKE))
        assert answer.compatibility is Compatibility.UNKNOWN
        assert mode in answer.there.reason

    def test_no_cpu_at_all_is_qemus_default(self) -> None:
        assert not missing(compare(guest("", ""), offering("<model>qemu64</model>")))

    def test_a_guest_is_no_target(self) -> None:
        with pytest.raises(UsageError, match="the second is to be a host"):
            compare(offering(SKYLAKE), guest("<model>Skylake</model>"))

    def test_names_that_only_another_map_has(self) -> None:
        answer = compare(guest("<model>Denverton</model>"), offering(SKYLAKE))
        assert answer.compatibility is Compatibility.INCOMPATIBLE
        assert "sha-ni" in missing(answer)


def test_what_was_not_checked_is_told_with_what_is_known() -> None:
    answer = compare(
        offering(SKYLAKE, kernel=kernel(release="6.1.0")),
        offering(SKYLAKE, "h08", kernel=kernel(release="6.12.0"), qemu=qemu()),
    )
    beside = {one.subject: one for one in answer.unchecked}
    assert beside["kernel"].differs
    assert (beside["QEMU version"].source, beside["QEMU version"].differs) == ("QEMU 7.2.22", False)
    assert "machine type" in beside
    assert answer.rests_on == "the map of libvirt 9.0.0 (/usr/share/libvirt/cpu_map)"
