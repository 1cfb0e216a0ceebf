"""The entry of libvirt's CPU map for a feature, written as libvirt writes it."""

from __future__ import annotations

from vcpuid.errors import UsageError
from vcpuid.terms.address import LEAVES_WITH_SUBLEAVES, CpuidRegister
from vcpuid.terms.feature import Dialect, Feature


def map_entry(feature: Feature) -> str:
    """Write the `<feature>` element, indented as in libvirt's own x86_features.xml.

    The form follows the maps of libvirt 9.0 and 11.3: one mask, `ecx_in` only for leaves with subleaves, only the
    register that has the bit; MSRs with both halves.

    Raises:
        UsageError: The feature has no bit, or bits in several words, which libvirt's maps never have.
    """
    words = {bits.word for bits in feature.bits}
    if len(words) != 1:
        raise UsageError(
            "libvirt's map has no entry of this kind",
            found=f"{feature.name}: {feature.address}",
            expected="bits of one CPUID register or MSR",
            next_step="Write one entry for each bit, by its address.",
        )
    word = words.pop()
    mask = sum(bits.mask for bits in feature.bits)
    if isinstance(word, CpuidRegister):
        subleaf = f" ecx_in='0x{word.subleaf:02x}'" if word.leaf in LEAVES_WITH_SUBLEAVES else ""
        child = f"<cpuid eax_in='0x{word.leaf:02x}'{subleaf} {word.register.value}='0x{mask:08x}'/>"
    else:
        low = mask & 0xFFFFFFFF
        child = f"<msr index='0x{word.index:x}' edx='0x{mask >> 32:08x}' eax='0x{low:08x}'/>"
    name = feature.name_in(Dialect.LIBVIRT) or feature.name
    return f"  <feature name='{name}'>\n    {child}\n  </feature>\n"
