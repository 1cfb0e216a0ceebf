"""The name within what people paste: an XML element, a flag of `-cpu`, a kernel's constant, a quoted word."""

from __future__ import annotations

import re

# Each has the name as its only group. What is written around it decides nothing about what the name means.
_WRAPPINGS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        r"<feature\b[^<>]*\bname=[\"']([^\"'<>]+)[\"'][^<>]*/?>",  # libvirt's domain XML and map
        r"[+-]([\w.-]+)",  # -cpu host,+vmx
        r"([\w.-]+)=(?:on|off|true|false|yes|no|force|require|optional|disable|forbid)",  # -cpu host,vmx=on
        r"(?:\w+\()?X86_FEATURE_(\w+)\)?",  # Linux's sources: cpu_feature_enabled(X86_FEATURE_SGX)
        r"[\"'`“\u2018](.+)[\"'`”\u2019]",
        r"(.+?)[,;:.]",
    )
)
_MOST_WRAPPINGS = 4


def pasted_name(text: str) -> str:
    """Give what stands within; the text itself where there is nothing around it."""
    for _ in range(_MOST_WRAPPINGS):
        text = text.strip()
        inner = next((match[1] for form in _WRAPPINGS if (match := form.fullmatch(text))), None)
        if inner is None:
            break
        text = inner
    return text
