"""Laws of nova.conf: what is written is read back, later files win, a <cpu> survives the way through Nova."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from definitions import HERE, without_places
from vcpuid.guest.nova import Settings, parse_ini, parse_nova_files, read_config, render_nova
from vcpuid.guest.nova.flavor import Flavor
from vcpuid.rules.libvirt.models import Models
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.rules.nova.guest import guest_cpu
from vcpuid.rules.nova.host import NovaHost
from vcpuid.rules.nova.numa import render_cpus
from vcpuid.rules.nova.refusal import When
from vcpuid.rules.nova.topology import choose_topology
from vcpuid.rules.nova.values import convert, parse_cpus
from vcpuid.terms.guest import AddressBits, CpuMode, FeatureRequest, GuestCpu, NumaCell, Policy, Topology

MIB = 1 << 20
NAMES = st.sampled_from(sorted(shipped_map().features))
POLICIES = st.sampled_from((Policy.REQUIRE, Policy.DISABLE))
REQUESTS = st.dictionaries(NAMES, POLICIES, max_size=6).map(
    lambda asked: tuple(FeatureRequest(name, asked[name], HERE) for name in sorted(asked))
)
HOST = NovaHost(Models(shipped_map()))


@st.composite
def cpus(draw: st.DrawFn) -> GuestCpu:
    """A CPU that nova.conf and a flavor can express."""
    mode = draw(st.sampled_from((CpuMode.CUSTOM, CpuMode.HOST_MODEL, CpuMode.HOST_PASSTHROUGH)))
    model = draw(st.sampled_from(sorted(shipped_map().models))) if mode is CpuMode.CUSTOM else None
    topology = Topology(*(draw(st.integers(1, 4)) for _ in range(3)))
    cells = (NumaCell(0, f"0-{topology.cpus - 1}" if topology.cpus > 1 else "0", 512 * MIB),)
    return GuestCpu(
        mode,
        model,
        draw(REQUESTS),
        HERE,
        topology=topology,
        address_bits=draw(st.sampled_from((None, AddressBits("emulate", 42), AddressBits("passthrough")))),
        cells=draw(st.sampled_from(((), cells))),
    )


@given(cpus())
def test_a_cpu_survives_the_way_through_nova(cpu: GuestCpu) -> None:
    section = render_nova(cpu)
    assert section.lost == ()
    config = read_config(Settings(parse_ini(section.text, "nova.conf").entries), HERE)
    topology = cpu.topology
    assert topology is not None
    made = guest_cpu(config, HOST, Flavor("m1", topology.cpus, 512, section.flavor))
    assert made is not None
    assert without_places(made) == cpu


ODD_NAMES = st.text(alphabet=st.sampled_from("aZ+-, $\n'\"_."), max_size=4)


@given(st.lists(st.builds(FeatureRequest, ODD_NAMES | NAMES, st.sampled_from(Policy), st.just(HERE)), max_size=4))
def test_what_cannot_be_written_is_told(requests: list[FeatureRequest]) -> None:
    unique = tuple({request.name: request for request in requests}.values())
    section = render_nova(GuestCpu(CpuMode.HOST_MODEL, None, unique, HERE))
    nova = parse_nova_files([parse_ini(section.text, "nova.conf")])
    assert nova.refusal is None
    read = {request.name: request.policy for request in nova.cpu.requests}
    asked = {request.name: request.policy for request in unique}
    assert (
        read.items()
        <= {name: Policy.REQUIRE if policy.asks else Policy.DISABLE for name, policy in asked.items()}.items()
    )
    assert bool(section.lost) == (read != asked)


@given(st.lists(st.sampled_from(("none", "host-model", "host-passthrough")), min_size=1, max_size=4))
def test_the_last_file_wins(modes: list[str]) -> None:
    files = [parse_ini(f"[libvirt]\ncpu_mode = {mode}\n", f"{number}") for number, mode in enumerate(modes)]
    config = parse_nova_files(files).config
    assert config is not None
    assert config.mode == modes[-1]


@given(st.sets(st.integers(0, 200), min_size=1))
def test_a_set_of_cpus_is_read_back(cpus: set[int]) -> None:
    assert parse_cpus(render_cpus(cpus), When.SPAWN, HERE) == cpus


@given(st.integers(1, 64), st.dictionaries(st.sampled_from(("sockets", "cores", "threads")), st.integers(1, 8)))
def test_a_topology_has_the_flavors_cpus(vcpus: int, wishes: dict[str, int]) -> None:
    specs = {f"hw:cpu_{level}": str(count) for level, count in wishes.items()}
    topology = choose_topology(convert(Flavor("m1", vcpus, 512, specs), None))
    assert topology.cpus == vcpus
