"""The CPU that all hosts can give, and what each costs."""

from __future__ import annotations

import json

import pytest

from snapshots import cpu_map, document, kvm, libvirt, row, rows
from vcpuid.answers.baseline import Baseline, baseline
from vcpuid.answers.party import Party, read_parties
from vcpuid.errors import UsageError

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

    def test_no_host(self) -> None:
        with pytest.raises(UsageError, match="no host"):
            baseline([])

    def test_what_cannot_migrate_is_left_out(self) -> None:
        invtsc = "<feature policy='require' name='invtsc'/>"
        answer = baseline([host("h07", "Skylake-Client-IBRS", invtsc)])
        assert "invtsc" not in answer.start
        assert "invtsc" not in names(answer)


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
