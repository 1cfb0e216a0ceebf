"""The allow-lists of the kernel's command line, of Nova's configuration, and of the quote provider's.

Everything that people write passes an allow-list before it may enter a snapshot (the others: `allow_qemu`,
`allow_xml`); what no table names stays out: secrets, disks, networks, metadata.
"""

import re
from typing import Dict, FrozenSet, List, NamedTuple, Optional
from urllib.parse import urlsplit

LEFT_OUT = "<left out>"


def _words(text: str) -> FrozenSet[str]:
    return frozenset(text.split())


# Linux Documentation/admin-guide/kernel-parameters.txt: those that give or take CPU features, or CPUs.
_KERNEL_PARAMETERS = _words(
    "amd_iommu clearcpuid clocksource cpuidle_haltpoll.force dis_ucode_ldr fred gather_data_sampling hpet ibt"
    " indirect_target_selection intel_iommu intremap iommu isolcpus kvm l1d_flush l1tf lockdown maxcpus mds"
    " mem_encrypt microcode mitigations mmio_stale_data nested_pvm no-kvmclock no-steal-acc no5lvl nofsgsbase"
    " nohz nohz_full noinvpcid nopcid nopku nopti nosgx nosmap nosmep nosmt nospec_store_bypass_disable"
    " nospectre_bhb nospectre_v1 nospectre_v2 notsc nousershstk nox2apic noxsave noxsaveopt noxsaves nr_cpus"
    " possible_cpus pti rcu_nocbs reg_file_data_sampling retbleed ring3mwait setcpuid sev spec_rstack_overflow"
    " spec_store_bypass_disable spectre_bhi spectre_v2 spectre_v2_user split_lock_detect srbds tdx tsa tsc tsx"
    " tsx_async_abort vmscape x2apic_phys"
)
_KERNEL_PREFIXES = ("kvm.", "kvm_intel.", "kvm_amd.", "kvm-intel.", "kvm-amd.", "microcode.", "sev.", "tdx.")
_FLAG_LIKE = re.compile(r"[A-Za-z0-9_.,:+\-]{0,128}")


def filter_kernel_command_line(text: str) -> List[str]:
    """Return the parameters that switch CPU features; what follows `--` is init's."""
    kept = []
    for parameter in text.split():
        if parameter == "--":
            break
        name, _, value = parameter.partition("=")
        known = name in _KERNEL_PARAMETERS or name.startswith(_KERNEL_PREFIXES)
        if known and _FLAG_LIKE.fullmatch(name) and _FLAG_LIKE.fullmatch(value):
            kept.append(parameter)
    return kept


class Grammar(NamedTuple):
    """What the lines of a configuration value may consist of."""

    pattern: str

    def matches(self, line: str) -> bool:
        """Tell whether a line is of this grammar."""
        return re.fullmatch(self.pattern, line) is not None


_NAMES = Grammar(r"[\w.,+\- \t$(){}\[\]'\"]*")
_MACHINES = Grammar(r"[\w.,+\- \t$(){}='\"]*")
_NOVA_KEYS: Dict[str, Dict[str, Grammar]] = {
    "DEFAULT": {"compute_driver": _NAMES},
    "libvirt": {
        "virt_type": _NAMES,
        "cpu_mode": _NAMES,
        "cpu_model": _NAMES,
        "cpu_models": _NAMES,
        "cpu_model_extra_flags": _NAMES,
        "hw_machine_type": _MACHINES,
        "sgx_epc_mb": _NAMES,
        "sgx_features": _NAMES,
        "num_memory_encrypted_guests": _NAMES,
    },
    "workarounds": {"skip_cpu_compare_at_startup": _NAMES, "skip_cpu_compare_on_dest": _NAMES},
}


def filter_nova_value(section: str, key: str, value: str) -> Optional[str]:
    """Return a configuration value that may stay, None for a key that is none of ours.

    Lines that are not of the key's grammar (an accident of indentation can join a secret to a value) and
    trailing comments (which oslo.config reads as part of the value) are replaced by `<left out>`.
    """
    # oslo.config reads sections whatever their capital letters are, but for [DEFAULT]; blanks make another
    # section.
    known = section if section == "DEFAULT" else section.lower()
    grammar = _NOVA_KEYS.get(known, {}).get(key)
    if grammar is None:
        return None
    return "\n".join(_filter_line(grammar, line) for line in value.split("\n"))


def _filter_line(grammar: Grammar, line: str) -> str:
    comment = re.search(r"[#;]", line)
    kept = line[: comment.start()] if comment else line
    if not grammar.matches(kept):
        return LEFT_OUT
    return "%s%s %s" % (kept, comment.group(), LEFT_OUT) if comment else kept


_ADDRESS = "address"
_WORD = "word"
# Intel SGX DCAP, QuoteGeneration/qcnl/linux/sgx_default_qcnl.conf; the older form has the same keys in capitals.
_QCNL_KEYS = {
    "pccs_url": _ADDRESS,
    "collateral_service": _ADDRESS,
    "local_pck_url": _ADDRESS,
    "use_secure_cert": _WORD,
    "pccs_api_version": _WORD,
    "retry_times": _WORD,
    "retry_delay": _WORD,
    "pck_cache_expire_hours": _WORD,
    "verify_collateral_cache_expire_hours": _WORD,
}
_QCNL_SETTING = re.compile(r"""(?<!\w)"?(\w+)"?\s*[:=]\s*"?([^"\s,{}]*)""")
_QCNL_COMMENT = re.compile(r"#.*|(?<!:)//.*")


def filter_qcnl(text: str) -> Dict[str, str]:
    """Return the settings of a quote provider's configuration that may stay; requests of one's own never do.

    Both forms are read: JSON with comments, and lines of KEY=VALUE.
    """
    kept: Dict[str, str] = {}
    for line in text.splitlines():
        for name, value in _QCNL_SETTING.findall(_QCNL_COMMENT.sub("", line)):
            key = name.lower()
            kind = _QCNL_KEYS.get(key)
            if kind == _ADDRESS:
                kept[key] = _bare_address(value)
            elif kind == _WORD:
                kept[key] = value if re.fullmatch(r"[\w.]{1,16}", value) else LEFT_OUT
    return kept


def _bare_address(url: str) -> str:
    """Return a URL's scheme, host, port and path: no user, password, query or fragment."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return LEFT_OUT
    if parts.scheme not in ("http", "https") or not host or not re.fullmatch(r"[\w./\-]*", parts.path):
        return LEFT_OUT
    shown = "[%s]" % host if ":" in host else host
    return "%s://%s%s%s" % (parts.scheme, shown, "" if port is None else ":%d" % port, parts.path)
