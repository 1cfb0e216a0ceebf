"""What a run of the collector was asked to do."""

import shlex
from typing import List, NamedTuple, Optional, Tuple

DEFAULT_TIMEOUT_S = 10.0
DEFAULT_URI = "qemu:///system"


class Options(NamedTuple):
    """The choices of one run; the defaults are the passive run that starts and touches nothing."""

    active: bool = False
    monitor: bool = False
    domain_capabilities: bool = True
    anonymise: bool = False
    anonymise_key: str = ""
    timeout_s: float = DEFAULT_TIMEOUT_S
    virsh: Tuple[str, ...] = ()
    uri: str = DEFAULT_URI
    map_directory: Optional[str] = None
    nova_files: Tuple[str, ...] = ()
    qemu_paths: Tuple[str, ...] = ()
    only: Tuple[str, ...] = ()


def arguments_of(options: Options) -> List[str]:
    """Return the command line that asks the collector for these options: what is sent to another host."""
    arguments = ["--timeout", "%g" % options.timeout_s, "--uri", options.uri]
    flags = (
        ("--active", options.active),
        ("--monitor", options.monitor),
        ("--no-domcapabilities", not options.domain_capabilities),
        ("--anonymise", options.anonymise),
    )
    arguments += [flag for flag, wanted in flags if wanted]
    valued = (
        ("--anonymise-key", options.anonymise_key),
        ("--virsh", " ".join(shlex.quote(word) for word in options.virsh)),
        ("--map", options.map_directory),
        ("--only", ",".join(options.only)),
    )
    for option, value in valued:
        if value:
            arguments += [option, value]
    for path in options.nova_files:
        arguments += ["--nova-conf", path]
    for path in options.qemu_paths:
        arguments += ["--qemu", path]
    return arguments
