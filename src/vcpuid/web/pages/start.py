"""The first page: what can be asked."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from vcpuid.answers.leaf import list_leaves
from vcpuid.answers.msr import list_msrs
from vcpuid.render.document import Document
from vcpuid.web.view import View

_EXAMPLES = (
    "sgx",
    "sha_ni",
    "HW_CPU_X86_VMX",
    "7.0.ebx.2",
    "CPUID.07H:EBX[2]",
    "0x12.1.eax=0x36",
    "MSR 0x3a=0x5",
    "topology",
)


def _answer(_: Request) -> Document:
    return {"examples": _EXAMPLES, "leaves": len(list_leaves()), "msrs": len(list_msrs())}


VIEW: Final = View("What can be asked", _answer, page="/", template="start")
