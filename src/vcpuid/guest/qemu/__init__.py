"""QEMU's command line: the -cpu option, read and written, and what stands around it."""

from vcpuid.guest.qemu.check import Fault, check_cpu, find_faults, find_warnings
from vcpuid.guest.qemu.command import CommandLine, parse_arguments
from vcpuid.guest.qemu.cpu import CpuArgument, CpuOption, parse_cpu
from vcpuid.guest.qemu.options import parse_properties, split_options
from vcpuid.guest.qemu.shell import is_command_line, split_command_line
from vcpuid.guest.qemu.write import model_of, render_options

__all__ = [
    "CommandLine",
    "CpuArgument",
    "CpuOption",
    "Fault",
    "check_cpu",
    "find_faults",
    "find_warnings",
    "is_command_line",
    "model_of",
    "parse_arguments",
    "parse_cpu",
    "parse_properties",
    "render_options",
    "split_command_line",
    "split_options",
]
