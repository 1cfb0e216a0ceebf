"""The driver of integrations/nova-sgx in each release of Nova that it names: its own tests, as an operator has it.

Its wheel is built and put beside the release's own files, which stay as they are. Its tests boot servers through
Nova's API with the real placement; below the driver stand Nova's own fixtures, or the real libvirt and QEMU, which
tools/sgx_without_hardware.py lets offer EPC.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from tools.sgx_without_hardware import SgxHost, can_run

from nova_peer import Release, load_releases
from programs import LIBVIRT_URI, needs, needs_kvm, needs_libvirt

ROOT = Path(__file__).parents[2]
DRIVER = ROOT / "integrations" / "nova-sgx"
RELEASES = load_releases()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=DRIVER,
        check=True,
        capture_output=True,
    )
    [built] = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def site(release: Release, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the module path: the release's package by links, and in it what the wheel brings."""
    folder = tmp_path_factory.mktemp(f"nova-{release.version}")
    environment = release.python.parents[1]
    [packages] = environment.glob("lib/python*/site-packages")
    shutil.copytree(packages / "nova", folder / "nova", copy_function=os.symlink)
    (folder / "etc").symlink_to(environment / "etc")  # Nova's fixtures look for it beside the package
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def sgx_host() -> Iterator[SgxHost]:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        host = SgxHost(Path(name), {0: 64 << 20, 1: 32 << 20})
        host.prepare()
        yield host


def words(release: Release, *arguments: str) -> list[str]:
    return [str(release.python), "-m", "pytest", "-q", "-W", "ignore", "-p", "no:cacheprovider", *arguments]


def variables(site: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1", **more}


def run(command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run tests of the driver; all have to pass and none may be left out."""
    done = subprocess.run(command, cwd=DRIVER, env=environment, capture_output=True, text=True, check=False)
    output = f"{done.stdout[-20_000:]}\n{done.stderr[-2000:]}"
    assert done.returncode == 0, output
    assert "skipped" not in done.stdout.splitlines()[-1], output


def test_servers_through_novas_api(release: Release, site: Path) -> None:
    run(words(release, "tests", "--ignore=tests/test_libvirt.py"), variables(site))


@needs_libvirt()
@needs_kvm()
def test_a_host_without_sgx(release: Release, site: Path) -> None:
    test = "tests/test_libvirt.py::test_a_libvirt_without_sgx_is_refused"
    run(words(release, test), variables(site, NOVA_SGX_OTHER_LIBVIRT_URI=LIBVIRT_URI))


@needs("virsh", package="libvirt-clients")
@needs("qemu-system-x86_64", package="qemu-system-x86")
@needs_kvm()
@pytest.mark.skipif(can_run() is not None, reason=str(can_run()))
def test_real_libvirt_takes_the_guests(release: Release, site: Path, sgx_host: SgxHost) -> None:
    other = "--deselect=tests/test_libvirt.py::test_a_libvirt_without_sgx_is_refused"
    command = sgx_host.words(words(release, "tests/test_libvirt.py", other))
    run(command, variables(site, NOVA_SGX_LIBVIRT_URI=sgx_host.uri))


def test_the_wheel_brings_its_own_files_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert "nova/virt/sgx/driver.py" in names
    assert all(name.startswith(("nova_sgx/", "nova/virt/sgx/")) for name in names)


def test_the_driver_names_the_releases_that_it_is_tested_on() -> None:
    source = (DRIVER / "src" / "nova_sgx" / "releases.py").read_text("utf-8")
    [tested] = [line.removeprefix("TESTED = ") for line in source.splitlines() if line.startswith("TESTED = ")]
    assert set(ast.literal_eval(tested)) == {release.version for release in RELEASES}
