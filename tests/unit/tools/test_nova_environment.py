"""How an environment with Nova is made, without a network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tools import nova_environment

TAG = f"{nova_environment.TAG}x86_64-linux-gnu"


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Stand in for pip, apt and dpkg: what they are told is kept, and a package has a binding for this Python."""
    told: list[list[str]] = []

    def run(*command: str | Path, folder: Path | None = None) -> None:
        words = [str(word) for word in command]
        told.append(words)
        if words[0] == "apt-get" and folder is not None:
            (folder / "python3-libvirt_9.0.0-1_amd64.deb").touch()
        elif words[0] == "dpkg-deb":
            modules = Path(words[-1]) / "usr" / "lib"
            modules.mkdir(parents=True)
            (modules / "libvirt.py").touch()
            (modules / f"libvirtmod.{TAG}.so").touch()

    monkeypatch.setattr(nova_environment, "run", run)
    monkeypatch.setattr("venv.create", make_venv)
    return told


def make_venv(folder: Path, **_options: bool) -> None:
    (folder / "lib" / "python3" / "site-packages").mkdir(parents=True)


def test_all_is_pinned_and_the_binding_is_unpacked(commands: list[list[str]], tmp_path: Path) -> None:
    folder = nova_environment.make("34.0.0", tmp_path, "ab" * 32)
    installs = [words for words in commands if "install" in words]
    assert len(installs) == 2
    assert all("--require-hashes" in words and "--no-deps" in words for words in installs)
    assert (folder / "lib" / "python3" / "site-packages" / f"libvirtmod.{TAG}.so").exists()


def test_an_environment_that_is_there_is_left(commands: list[list[str]], tmp_path: Path) -> None:
    nova_environment.make("34.0.0", tmp_path, "ab" * 32)
    commands.clear()
    nova_environment.make("34.0.0", tmp_path, "ab" * 32)
    assert commands == []
    nova_environment.make("34.0.0", tmp_path, "cd" * 32)
    assert commands != []


@pytest.mark.usefixtures("commands")
def test_a_binding_for_another_python_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nova_environment, "TAG", "cpython-399-")
    with pytest.raises(nova_environment.PreparationError, match="no module for this Python"):
        nova_environment.add_binding(tmp_path, tmp_path)


def test_a_program_that_fails_is_quoted() -> None:
    with pytest.raises(nova_environment.PreparationError, match="no such thing"):
        nova_environment.run("sh", "-c", "echo no such thing; exit 1")


def test_the_command_says_what_failed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_words: object) -> Path:
        raise nova_environment.PreparationError("pip failed")

    monkeypatch.setattr(nova_environment, "make", fail)
    assert nova_environment.main(["34.0.0", "/nowhere", "--sha256", "00"]) == 1
    assert "tools.nova_environment: pip failed" in capsys.readouterr().err


def test_it_is_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.nova_environment", "--help"], capture_output=True, text=True, check=True
    )
    assert "VERSION" in done.stdout.upper()
