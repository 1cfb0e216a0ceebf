"""The snapshot document: one host's raw evidence, as one JSON object that anybody can mail."""

from vcpuid.snapshot.document import Record, Snapshot

__all__ = ["Record", "Snapshot"]
