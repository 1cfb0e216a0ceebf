"""The CPU that all hosts can give, and what each costs."""

from __future__ import annotations

import json

import pytest

from snapshots import cpu_map, document, kvm, libvirt, row, rows
from vcpuid.answers.baseline import Barrier, Baseline, Candidate, baseline
from vcpuid.answers.party import Party, read_parties
from vcpuid.errors import UsageError
from vcpuid.terms.guest import AddressBits, Policy

AVX512 = "".join(f"<feature policy='require' name='avx512{kind}'/>" for kind in ("f", "dq", "cd", "bw", "vl"))


def host(name: str, model: str, features: str = "", vendor: str = "Intel") -> Party:
    text = f"<cpu><arch>x86_64</arch><model>{model}</model><vendor>{vendor}</vendor>{features}</cpu>"
    (party,) = read_parties(text.encode(), name)
    return party


def names(answer: Baseline) -> set[str]:
    assert answer.cpu is not None
    return {request.name for request in answer.cpu.requests if request.policy.asks}


class TestDefinition:
    def test_one_host_is_its_own_baseline(self) -> None:
        answer = baseline([host("h07", "Skylake-Client-IBRS")])
        assert answer.cpu is not None
        assert (answer.cpu.model, answer.cpu.vendor) == ("Skylake-Client-IBRS", "Intel")
        assert answer.costs == ()
        assert [group.hosts for group in answer.groups] == [("h07",)]

    def test_two_generations(self) -> None:
        answer = baseline([host("h07", "Skylake-Client-IBRS"), host("h08", "Broadwell-noTSX-IBRS")])
        assert answer.cpu is not None
        assert answer.cpu.model == "Broadwell-noTSX-IBRS"
        assert "clflushopt" not in names(answer)

    def test_a_feature_that_only_one_has_is_left_out(self) -> None:
        with_avx512 = host("h07", "Skylake-Client-IBRS", AVX512)
        answer = baseline([with_avx512, host("h08", "Skylake-Client-IBRS")])
        assert "avx512f" not in answer.start

    def test_several_vendors_have_none_but_groups(self) -> None:
        answer = baseline([host("h07", "Skylake-Client-IBRS"), host("h08", "EPYC", vendor="AMD")])
        assert answer.cpu is None
        assert "several vendors" in answer.refusal
        assert [group.hosts for group in answer.groups] == [("h07",), ("h08",)]
        assert all(group.gains is None for group in answer.groups)

    def test_hosts_that_have_nothing_in_common(self) -> None:
        off = "".join(f"<feature policy='disable' name='{name}'/>" for name in ("fpu", "vme", "pse"))
        bare = read_parties(f"<cpu mode='custom'><model>486</model>{off}</cpu>".encode(), "bare.xml")
        assert baseline(bare).refusal == "the hosts have no feature in common"

    def test_no_host(self) -> None:
        with pytest.raises(UsageError, match="no host"):
            baseline([])

    def test_what_cannot_migrate_is_left_out(self) -> None:
        invtsc = "<feature policy='require' name='invtsc'/>"
        answer = baseline([host("h07", "Skylake-Client-IBRS", invtsc)])
        assert "invtsc" not in answer.start
        assert "invtsc" not in names(answer)

    def test_what_only_the_map_keeps_from_migrating_stays(self) -> None:
        answer = baseline([host("h07", "Skylake-Client-IBRS", "<feature policy='require' name='xsaves'/>")])
        assert "xsaves" in names(answer)


class TestCosts:
    def test_the_host_that_lacks_a_feature_costs_it(self) -> None:
        rich = [host(name, "Skylake-Client-IBRS", AVX512) for name in ("h01", "h02")]
        answer = baseline([*rich, host("h07", "Skylake-Client-IBRS")])
        (cost,) = answer.costs
        assert cost.hosts == ("h07",)
        assert set(cost.features) == {"avx512f", "avx512dq", "avx512cd", "avx512bw", "avx512vl"}

    def test_equal_hosts_cost_together(self) -> None:
        answer = baseline(
            [
                host("h01", "Skylake-Client-IBRS", AVX512),
                host("h07", "Skylake-Client-IBRS"),
                host("h08", "Skylake-Client-IBRS"),
            ]
        )
        assert [cost.hosts for cost in answer.costs] == [("h07", "h08")]

    def test_a_feature_that_two_kinds_lack_is_no_single_hosts_cost(self) -> None:
        answer = baseline(
            [
                host("h01", "Skylake-Client-IBRS", AVX512),
                host("h07", "Skylake-Client-IBRS"),
                host("h08", "Broadwell-noTSX-IBRS"),
            ]
        )
        assert all("avx512f" not in cost.features for cost in answer.costs)


def telling(name: str, model: str, features: str, models: str, *, bits: int | None = None) -> Party:
    """Give a host by domain capabilities that list named models."""
    width = f"<maxphysaddr mode='passthrough' limit='{bits}'/>" if bits else ""
    (party,) = read_parties(
        f"<domainCapabilities><cpu><mode name='host-model' supported='yes'><model>{model}</model>"
        f"<vendor>Intel</vendor>{width}{features}</mode><mode name='custom' supported='yes'>{models}</mode></cpu>"
        "</domainCapabilities>".encode(),
        name,
    )
    return party


def disable(feature: str) -> str:
    return f"<feature policy='disable' name='{feature}'/>"


class TestModels:
    """Why this model and not another: which feature of which host kept it out."""

    NEWER, OLDER = "Skylake-Client-IBRS", "Broadwell-IBRS"

    def candidate(self, answer: Baseline, name: str) -> Candidate:
        (found,) = [candidate for candidate in answer.candidates if candidate.name == name]
        return found

    def test_the_hosts_that_keep_a_better_model_out_are_named_with_what_they_lack(self) -> None:
        rich = [host(name, self.NEWER) for name in ("h01", "h02")]
        found = self.candidate(baseline([*rich, host("h07", self.OLDER)]), self.NEWER)
        assert found.is_better
        assert found.best_of == ("h01", "h02")
        (barrier,) = found.barriers
        assert barrier.hosts == ("h07",)
        assert "xsavec" in barrier.features
        assert set(barrier.features) == set(found.taken_away)

    def test_a_model_of_less_is_not_better(self) -> None:
        answer = baseline([host("h01", self.NEWER), host("h07", self.OLDER)])
        assert not self.candidate(answer, "Haswell-IBRS").is_better
        assert self.candidate(answer, "Haswell-IBRS").barriers == ()
        assert "rdseed" in self.candidate(answer, "Haswell-IBRS").added

    def test_a_model_that_the_hypervisor_of_one_host_refuses(self) -> None:
        models = "<model usable='yes'>{}</model><model usable='no'>{}</model>"
        free, bound = models.format(self.OLDER, "kvm64"), models.format(self.OLDER, self.NEWER)
        answer = baseline(
            [
                telling("h01", self.NEWER, "", free + f"<model usable='yes'>{self.NEWER}</model>"),
                telling("h02", self.OLDER, "", bound),
                telling("h03", self.NEWER.replace("IBRS", "noTSX-IBRS"), "", bound),
            ]
        )
        assert answer.cpu is not None
        assert (answer.cpu.model, answer.allowed) == (self.OLDER, 1)
        hosts = [barrier.hosts for barrier in self.candidate(answer, self.NEWER).barriers]
        assert hosts == [("h03",), ("h02",)]

    def test_a_silent_hypervisor_is_no_reason_but_keeps_the_model_out(self) -> None:
        silent = f"<model usable='yes'>Haswell</model><model usable='no'>{self.OLDER}</model>"
        answer = baseline([telling("h01", self.NEWER, "", silent)])
        assert answer.cpu is not None
        assert answer.cpu.model == "Haswell"
        assert self.candidate(answer, self.OLDER).barriers == (Barrier(("h01",), ()),)

    def test_the_hosts_own_model_serves_less_what_it_loses(self) -> None:
        models = f"<model usable='yes'>pentium</model><model usable='no'>{self.NEWER}</model>"
        answer = baseline([telling("h01", self.NEWER, disable("mpx") + disable("rtm"), models)])
        assert answer.cpu is not None
        assert answer.cpu.model == self.NEWER
        assert {request.name for request in answer.cpu.requests} == {"mpx", "rtm"}

    def test_blockers_of_one_host_are_taken_away_for_all(self) -> None:
        models = f"<model usable='yes'>pentium</model><model usable='no'>{self.NEWER}</model>"
        blocked = f"{models}<blockers model='{self.NEWER}'><feature name='vmx-ept'/></blockers>"
        free = models.replace("no", "yes")
        answer = baseline([telling("h01", self.NEWER, "", free), telling("h02", self.NEWER, "", blocked)])
        assert answer.cpu is not None
        assert answer.cpu.model == self.NEWER
        assert ("vmx-ept", Policy.DISABLE) in [(one.name, one.policy) for one in answer.cpu.requests]

    def test_hosts_that_are_silent_leave_the_models_to_the_others(self) -> None:
        answer = baseline(
            [telling("h01", self.NEWER, "", "<model usable='yes'>Haswell</model>"), host("h02", self.NEWER)]
        )
        assert answer.cpu is not None
        assert answer.cpu.model == "Haswell"

    @pytest.mark.parametrize(("widths", "least"), [((46, 48), 46), ((46, None), None), ((None, None), None)])
    def test_the_narrowest_physical_addresses_where_all_tell(
        self, widths: tuple[int | None, ...], least: int | None
    ) -> None:
        models = f"<model usable='yes'>{self.NEWER}</model>"
        answer = baseline([telling(str(bits), self.NEWER, "", models, bits=bits) for bits in widths])
        assert answer.cpu is not None
        assert answer.cpu.address_bits == (None if least is None else AddressBits("passthrough", limit=least))


class TestGroups:
    def test_hosts_of_one_model_stand_together(self) -> None:
        answer = baseline(
            [
                host("h01", "Skylake-Client-IBRS"),
                host("h02", "Skylake-Client-IBRS", "<feature policy='require' name='umip'/>"),
                host("h03", "Broadwell-noTSX-IBRS"),
            ]
        )
        assert [group.hosts for group in answer.groups] == [("h01", "h02"), ("h03",)]
        assert answer.groups[0].gains
        assert answer.groups[1].gains is not None


class TestSafety:
    def test_definitions_are_safe(self) -> None:
        assert baseline([host("h07", "Skylake-Client-IBRS")]).is_safe

    def test_a_dump_never_is(self) -> None:
        (dump,) = read_parties(
            b"CPU 0:\n   0x00000001 0x00: eax=0x00000001 ebx=0x00000000 ecx=0x00000000 edx=0x00000001\n", "dump"
        )
        assert not baseline([dump]).is_safe

    def test_the_names_are_those_of_the_smallest_map(self) -> None:
        text = json.dumps(document(libvirt=libvirt("<model>Skylake</model>", map_=cpu_map())))
        (small,) = read_parties(text.encode(), "small")
        answer = baseline([small, host("h08", "Skylake-Client-IBRS", vendor="")])
        assert answer.rests_on == "the map of libvirt 9.0.0 (/usr/share/libvirt/cpu_map)"
        assert set(answer.start) <= {"fpu", "movbe", "avx2"}
        assert "aes" in answer.unnamed

    def test_a_guest_may_keep_what_every_kvm_can_give(self) -> None:
        supported = rows(_1_0=row(ecx=1 << 22, edx=1), _7_0=row(ebx=1 << 5 | 1 << 2))
        text = json.dumps(document(libvirt=libvirt("<model>Skylake</model>", map_=cpu_map()), kvm=kvm(supported)))
        (party,) = read_parties(text.encode(), "h07")
        answer = baseline([party])
        assert "sgx" not in answer.start
        assert answer.accept == ("sgx",)
