"""What the doctor's steps are judged by."""

from __future__ import annotations

from typing import NamedTuple

from vcpuid.answers.sgx.memory import Memory
from vcpuid.answers.sgx.step import Purpose
from vcpuid.evidence import Evidence


class Subject(NamedTuple):
    """A host, its enclave memory, and what SGX is wanted for there."""

    evidence: Evidence
    memory: Memory
    purpose: Purpose
