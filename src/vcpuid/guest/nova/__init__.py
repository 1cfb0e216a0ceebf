"""OpenStack Nova: nova.conf's CPU options, flavors and images, read as Nova reads them, and written.

Learnt from Nova 34's and oslo.config 10.7's sources (Apache-2.0), and compared with both by tests.
"""

from vcpuid.guest.nova.config import (
    MODES,
    NovaConfig,
    NovaCpu,
    parse_nova,
    parse_nova_files,
    read_config,
    read_flags,
)
from vcpuid.guest.nova.ini import NovaEntry, NovaFile, is_nova_conf, parse_ini
from vcpuid.guest.nova.settings import (
    Item,
    Settings,
    UnseenValueError,
    ValueRefusedError,
    load_options,
    nova_version,
)
from vcpuid.guest.nova.write import NovaSection, Unsaid, render_nova

__all__ = [
    "MODES",
    "Item",
    "NovaConfig",
    "NovaCpu",
    "NovaEntry",
    "NovaFile",
    "NovaSection",
    "Settings",
    "Unsaid",
    "UnseenValueError",
    "ValueRefusedError",
    "is_nova_conf",
    "load_options",
    "nova_version",
    "parse_ini",
    "parse_nova",
    "parse_nova_files",
    "read_config",
    "read_flags",
    "render_nova",
]
