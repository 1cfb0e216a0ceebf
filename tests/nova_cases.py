"""Seeded configurations, flavors and images for Nova: what operators write, and what they should not."""

from __future__ import annotations

from random import Random
from typing import Any

MODELS = (
    "Nehalem", "nehalem", "Westmere", "SandyBridge", "IvyBridge-IBRS", "Haswell-noTSX", "haswell-notsx",
    "Broadwell", "Skylake-Client", "Cascadelake-Server", "EPYC", "qemu64", "kvm64", "Opteron_G3", "Penryn",
    "pentium3", "486", "no-such-model", "",
)  # fmt: skip
FLAGS = (
    "vmx", "+vmx", "-vmx", "PCID", "-PCID", "--pcid", "+-aes", "++aes", "aes", "avx2", "-avx2", "ssbd",
    "md-clear", "invtsc", "sgx", "sgx-lc", "sse3", "pni", "-mpx", "svm", "amx-tile", "hypervisor", "", "x2apic",
    "-x2apic", "sha-ni",
)  # fmt: skip
USUAL = frozenset(("Nehalem", "nehalem", "Westmere", "pentium3", "486", "-PCID", "aes", "-vmx", "-mpx", "x2apic"))
TRAITS = ("VMX", "AVX2", "AESNI", "SSE3", "SGX", "SVM", "SSE42", "AMXTILE", "INTEL_VMX", "AVX512F")
MODES = (
    ["custom"] * 7
    + ["host-model"] * 3
    + ["host-passthrough"] * 2
    + ["none"] * 2
    + ["maximum", "Custom", "", "'custom'", '"host-model"', "$virt_type", "${libvirt.images_type}", "$nothing"]
)
SEPARATORS = (",", ", ", " , ", ",\n    ", " ,\n\t")


def make_case(seed: int) -> dict[str, Any]:
    """Give one question."""
    random = Random(seed)  # noqa: S311 - a seeded test
    files = [_file(random, has_all=number == 0) for number in range(1 if random.random() < 0.8 else 2)]
    return {"files": files, "flavor": _flavor(random), "image": {"properties": _image(random)}}


def _some(random: Random, choices: tuple[str, ...], most: int) -> list[str]:
    """Give a few choices; half of the time of those that any host gives."""
    usual = [choice for choice in choices if choice in USUAL]
    pool = usual if usual and random.random() < 0.5 else choices
    return [random.choice(pool) for _ in range(random.randint(1, most))]


def _file(random: Random, *, has_all: bool) -> str:
    lines = ["[DEFAULT]", "debug = false", random.choice(("[libvirt]", "[libvirt]", "[libvirt]", "[LibVirt]"))]
    equals = random.choice((" = ", "=", ": "))
    mode = random.choice(MODES)
    if has_all or random.random() < 0.5:
        if random.random() < 0.9:
            lines.append(f"cpu_mode{equals}{mode}")
        if mode.strip("'\"").lower() == "custom" or random.random() < 0.1:
            key = random.choice(("cpu_models", "cpu_models", "cpu_models", "cpu_model"))
            count = 3 if random.random() < 0.4 else 1
            lines.append(f"{key}{equals}{random.choice(SEPARATORS).join(_some(random, MODELS, count))}")
    if random.random() < 0.6:
        flags = random.choice(SEPARATORS).join(_some(random, FLAGS, 4))
        lines.append(f"cpu_model_extra_flags{equals}{flags}")
    if random.random() < 0.25:
        lines.append(f"virt_type{equals}{random.choice(('qemu', 'kvm', 'kvm', 'parallels', 'lxc', 'xen'))}")
    if random.random() < 0.12:
        lines += [
            "[workarounds]",
            f"skip_cpu_compare_at_startup{equals}{random.choice(('true', 'Yes', 'off', '2'))}",
        ]
    if random.random() < 0.05:
        lines.insert(
            random.randrange(len(lines)), random.choice(("  stray", "nonsense", "[", "[]", "= x", "[a] # b"))
        )
    return "\n".join(lines) + "\n"


# What an extra spec or property may be set to, and how often it is.
SPECS = (
    *((f"hw:cpu_{level}", 0.2, ("1", "2", "4", "8", "3")) for level in ("sockets", "cores", "threads")),
    *((f"hw:cpu_max_{level}", 0.12, ("1", "2", "4", "8", "x")) for level in ("sockets", "cores", "threads")),
    ("hw:mem_page_size", 0.12, ("large", "any", "small", "2048", "2MB", "1GiB", "2M", "0", "big")),
    ("hw:cpu_policy", 0.12, ("dedicated", "shared", "mixed", "pinned")),
    ("hw:cpu_dedicated_mask", 0.08, ("0", "^0", "0-1", "99", "0-")),
    ("hw:cpu_thread_policy", 0.08, ("prefer", "require", "odd")),
    ("resources:PCPU", 0.08, ("1", "2", "4", "many")),
    ("hw:pmem", 0.03, ("big", " ,")),
    ("hw:maxphysaddr_mode", 0.2, ("emulate", "passthrough", "wide")),
    ("hw:maxphysaddr_bits", 0.12, ("40", "46", "x")),
)
ARCHITECTURES = ("x86_64", "amd64", "i686", "i386", "aarch64", "ppc64le", "mipsel", "s390x", "vax")
PROPERTIES = (
    *((f"hw_cpu_{level}", 0.1, ("1", "2", "4", "8", "y")) for level in ("sockets", "cores", "threads")),
    *((f"hw_cpu_max_{level}", 0.1, ("1", "2", "4", "8")) for level in ("sockets", "cores", "threads")),
    *((name, 0.03, ARCHITECTURES) for name in ("architecture", "hw_architecture", "hw_emulation_architecture")),
    ("hw_numa_nodes", 0.08, ("1", "2")),
    ("hw_mem_page_size", 0.05, ("large", "2048")),
    ("hw_cpu_policy", 0.08, ("dedicated", "shared", "none")),
    ("hw_maxphysaddr_mode", 0.08, ("emulate", "passthrough")),
    ("trait:HW_CPU_X86_AVX2", 0.08, ("required",)),
)


def _drawn(random: Random, choices: tuple[tuple[str, float, tuple[str, ...]], ...]) -> dict[str, str]:
    return {name: random.choice(values) for name, share, values in choices if random.random() < share}


def _flavor(random: Random) -> dict[str, Any]:
    vcpus, memory_mib = random.choice((1, 2, 3, 4, 6, 8, 12, 16)), random.choice((512, 1024, 1536, 4096))
    specs = _drawn(random, SPECS) | (_nodes(random, memory_mib) if random.random() < 0.3 else {})
    if random.random() < 0.35:
        for trait in _some(random, TRAITS, 2):
            group = random.choice(("trait", "trait", "trait1", "trait_x"))
            specs[f"{group}:HW_CPU_X86_{trait}"] = random.choice(("required", "required", "forbidden", "Required"))
    return {"name": "f", "vcpus": vcpus, "ram": memory_mib, "properties": specs}


def _nodes(random: Random, memory_mib: int) -> dict[str, str]:
    count = random.choice((1, 2, 2, 3, 4))
    specs = {"hw:numa_nodes": random.choice((str(count), str(count), str(count), "0", "x"))}
    if random.random() < 0.5:
        for node in range(count):
            shares = (str(node), f"{2 * node}-{2 * node + 1}", f"{node},{node + count}")
            specs[f"hw:numa_cpus.{node}"] = random.choice(shares)
            if random.random() < 0.9:
                specs[f"hw:numa_mem.{node}"] = str(memory_mib // count)
    return specs


def _image(random: Random) -> dict[str, str]:
    cells = {"hw_numa_cpus.0": "0-1", "hw_numa_mem.0": "512"} if random.random() < 0.05 else {}
    return _drawn(random, PROPERTIES) | cells
