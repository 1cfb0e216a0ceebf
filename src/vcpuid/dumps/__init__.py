"""CPUID dumps in the formats that people paste: one file a format, and `formats` for all of them."""

from vcpuid.dumps.formats import (
    FORMATS,
    Format,
    ParsedDump,
    find_losses,
    parse_dump,
    read_bytes,
    read_dump,
    write_dump,
)

__all__ = [
    "FORMATS",
    "Format",
    "ParsedDump",
    "find_losses",
    "parse_dump",
    "read_bytes",
    "read_dump",
    "write_dump",
]
