"""Small maps of libvirt made by hand, an older one than ships, and definitions for them."""

from __future__ import annotations

from dataclasses import replace

from snapshots import MAP_FEATURES, MAP_MODELS, cpu_map
from vcpuid.rules.libvirt.map import CpuMap, MapFeature, MapModel, Mask, Signature
from vcpuid.rules.libvirt.map_reader import load_map
from vcpuid.rules.libvirt.models import Models
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.terms.address import parse_bit
from vcpuid.terms.guest import CpuMode, FeatureRequest, GuestCpu, Match, Policy
from vcpuid.terms.place import Place

HERE = Place("a test")
POLICIES = {"+": Policy.REQUIRE, "-": Policy.DISABLE, "!": Policy.FORCE, "?": Policy.OPTIONAL, "~": Policy.FORBID}


def feature(name: str, *addresses: str, migratable: bool = True) -> MapFeature:
    """Give a feature of bits like `1.0.edx.0`."""
    bits = (parse_bit(address) for address in addresses)
    return MapFeature(name, tuple(Mask(bit.word, bit.mask) for bit in bits), migratable, HERE)


def model(
    name: str,
    features: str = "",
    *,
    ancestor: str | None = None,
    vendor: str | None = None,
    signatures: tuple[Signature, ...] = (),
    removed: str = "",
    added: str = "",
    sides: str = "host guest",
) -> MapModel:
    """Give a model of features that blanks part."""
    return MapModel(
        name=name,
        ancestor=ancestor,
        vendor=vendor,
        signatures=signatures,
        features=tuple(features.split()),
        removed=tuple(removed.split()),
        added=tuple(added.split()),
        on_host="host" in sides,
        on_guest="guest" in sides,
        is_compat=False,
        group=None,
        place=HERE,
    )


FEATURES = (
    *(feature(name, f"1.0.edx.{bit}") for bit, name in enumerate(("fpu", "vme", "de", "pse", "tsc", "msr"))),
    feature("sgx", "7.0.ebx.2"),
    feature("rdctl-no", "msr.10a.0"),
    feature("invtsc", "80000007.0.edx.8", migratable=False),
)
MODELS = (
    model("old", "fpu vme"),
    model("middle", "de pse", ancestor="old", vendor="Intel", signatures=(Signature(6, 23),), removed="msr"),
    model("new", "tsc", ancestor="middle", signatures=(Signature(6, 85, 0xF0),), added="sgx"),
    model("other", "fpu vme de", vendor="AMD"),
)
VENDORS = {"Intel": "GenuineIntel", "AMD": "AuthenticAMD"}


def make_models(features: tuple[MapFeature, ...] = FEATURES, models: tuple[MapModel, ...] = MODELS) -> Models:
    """Give a map made ready."""
    return Models(
        CpuMap({one.name: one for one in features}, {one.name: one for one in models}, VENDORS, "a test's map")
    )


def small_map(features: str = MAP_FEATURES, models: str = MAP_MODELS) -> CpuMap:
    """Give the map of three small files that snapshots of tests have."""
    return load_map(cpu_map(features, models)["files"], "map")


def guest(
    name: str | None,
    requests: str = "",
    *,
    mode: CpuMode = CpuMode.CUSTOM,
    match: Match = Match.EXACT,
    vendor: str | None = None,
    fallback: bool | None = None,
) -> GuestCpu:
    """Give a guest's definition; its features are written like `+sgx -vme ?tsc`."""
    asked = tuple(FeatureRequest(word[1:], POLICIES[word[0]], HERE) for word in requests.split())
    return GuestCpu(mode, name, asked, HERE, match=match, vendor=vendor, fallback=fallback)


def host(name: str, features: str = "", *, vendor: str | None = None, arch: str = "x86_64") -> GuestCpu:
    """Give a host's definition."""
    asked = tuple(FeatureRequest(word, Policy.REQUIRE, HERE) for word in features.split())
    return GuestCpu(CpuMode.CUSTOM, name, asked, HERE, vendor=vendor, arch=arch)


def written(cpu: GuestCpu) -> str:
    """Give a definition's model and features as `guest` takes them."""
    signs = {policy: sign for sign, policy in POLICIES.items()}
    return " ".join([cpu.model or "", *(signs[request.policy] + request.name for request in cpu.requests)])


def older_map() -> CpuMap:
    """Give the shipped map without a feature and a model of it."""
    shipped = shipped_map()
    features = {name: feature for name, feature in shipped.features.items() if name != "avx10"}
    models = {name: model for name, model in shipped.models.items() if name != "SapphireRapids"}
    return replace(shipped, features=features, models=models, source="an older one", version="9.0")
