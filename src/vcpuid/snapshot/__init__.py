"""The snapshot document: one host's raw evidence, as one JSON object that anybody can mail."""

from vcpuid.snapshot.document import Record, Snapshot, is_snapshot

__all__ = ["Record", "Snapshot", "is_snapshot"]
