"""Programs that tests run: a test that lacks one is skipped with the name of the package that has it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from ctypes.util import find_library
from functools import cache
from pathlib import Path

import pytest

LIBVIRT_URI = "qemu:///system"


def needs(program: str, *, package: str) -> pytest.MarkDecorator:
    """Skip the test where a program is not installed."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"needs {program} (Debian package {package})")


def needs_browser() -> pytest.MarkDecorator:
    """Skip the test where there is no Chromium, or playwright's own program, which drives it, cannot start."""
    if shutil.which("chromium") is None or find_library("atomic") is not None:
        return needs("chromium", package="chromium")
    return pytest.mark.skip(reason="needs libatomic.so.1, for playwright (Debian package libatomic1)")


@cache
def _libvirt_answers() -> bool:
    if shutil.which("virsh") is None:
        return False
    try:
        done = virsh("version")
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def needs_libvirt() -> pytest.MarkDecorator:
    """Skip the test where no libvirt daemon answers."""
    return pytest.mark.skipif(
        not _libvirt_answers(),
        reason="needs a running libvirtd (Debian packages libvirt-daemon-system, libvirt-clients)",
    )


@cache
def version_of_libvirt() -> tuple[int, int]:
    """Give the installed libvirt's version, as in (9, 0)."""
    done = subprocess.run(["virsh", "--version"], capture_output=True, text=True, check=True, timeout=60)
    major, minor, *_ = done.stdout.split(".")
    return int(major), int(minor)


def needs_kvm() -> pytest.MarkDecorator:
    """Skip the test where /dev/kvm cannot be opened."""
    return pytest.mark.skipif(not Path("/dev/kvm").exists(), reason="needs /dev/kvm")


@cache
def _has_mount_namespaces() -> bool:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


def needs_mount_namespace() -> pytest.MarkDecorator:
    """Skip the test where this process can have no mounts of its own: in many a container not even root can."""
    return pytest.mark.skipif(
        not _has_mount_namespaces(),
        reason="needs root that may mount, and unshare (Debian package util-linux)",
    )


def virsh(*words: str | Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command of virsh, which may be given a text as standard input."""
    return subprocess.run(
        ["virsh", "--connect", LIBVIRT_URI, "--quiet", *words],
        input=given,
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )


def refusal_of_libvirt(xml: str) -> str:
    """Give what the real libvirt says of a domain that it does not start."""
    done = virsh("create", "/dev/stdin", given=xml)
    assert done.returncode == 1, done.stdout
    return done.stderr


def run_without(package: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a vcpuid command by a Python that lacks a package."""
    program = (
        f"import sys; sys.modules[{package!r}] = None\nfrom vcpuid.cli import run\nsys.exit(run({list(words)!r}))"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
        env=dict(os.environ),
    )
