"""virsh: many questions in one process, and every way in which it can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.gather.machines import FakeVirsh, gather
from vcpuid.gather import domains, libvirt
from vcpuid.gather.look import Look
from vcpuid.gather.options import Options
from vcpuid.gather.record import NothingFoundError, Problems
from vcpuid.gather.virsh import Answer, Virsh

UUIDS = [f"0d1e2f3a-1111-2222-3333-44445555{number:04d}" for number in range(3)]


def ask(
    fake: FakeVirsh, *questions: str, limit_s: float = 10.0
) -> tuple[list[Answer | None], list[dict[str, str]]]:
    problems = Problems()
    answers = Virsh(Look(limit_s=limit_s), fake.options, problems).ask(questions, "virsh")
    return answers, problems.as_json()


def test_answers_and_errors_are_told_apart(tmp_path: Path) -> None:
    fake = FakeVirsh(tmp_path, {"a": ("text", "one\ntwo"), "b": ("error", "no domain"), "c": ("text", "")})
    answers, problems = ask(fake, "a", "b", "c")
    assert answers == [Answer("one\ntwo", ""), Answer("", "no domain"), Answer("", "")]
    assert problems == []
    assert len(fake.calls()) == 1
    assert fake.calls()[0][:4] == ["-r", "-c", "qemu:///system", "-q"]


def test_a_virsh_that_hangs_leaves_the_answers_before(tmp_path: Path) -> None:
    fake = FakeVirsh(tmp_path, {"a": ("text", "one"), "b": ("hang", "")})
    answers, problems = ask(fake, "a", "b", limit_s=2.5)
    assert answers == [Answer("one", ""), None]
    assert problems[0]["why"] == "no answer within 2.5 s"
    assert "--timeout" in problems[0]["remedy"]


def test_a_virsh_that_dies_leaves_the_answers_before(tmp_path: Path) -> None:
    fake = FakeVirsh(tmp_path, {"a": ("text", "one"), "b": ("exit", "Disconnected from qemu:///system")})
    answers, problems = ask(fake, "a", "b", "c")
    assert answers == [Answer("one", ""), None, None]
    assert problems[0]["why"] == "Disconnected from qemu:///system"


def test_a_daemon_that_does_not_run(tmp_path: Path) -> None:
    said = "Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file or directory"
    _, problems = ask(FakeVirsh(tmp_path, {"a": ("exit", said)}), "a")
    assert problems[0]["why"] == said
    assert "libvirtd" in problems[0]["remedy"]


def test_very_many_questions_are_asked_in_few_processes(tmp_path: Path) -> None:
    questions = [f"question {number} {'x' * 100}" for number in range(2000)]
    fake = FakeVirsh(tmp_path, {question: ("text", question) for question in questions})
    answers, problems = ask(fake, *questions)
    assert [answer and answer.text for answer in answers] == questions
    assert problems == []
    assert len(fake.calls()) == 3


def test_no_virsh_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def which(_look: Look, _program: str) -> None:
        return None

    monkeypatch.setattr(Look, "which", which)
    problems = Problems()
    with pytest.raises(NothingFoundError):
        Virsh(Look(), Options(), problems)
    assert problems.as_json()[0]["what"] == "virsh"


def test_a_given_virsh_that_is_not_there() -> None:
    problems = Problems()
    answers = Virsh(Look(), Options(virsh=("/no/virsh",)), problems).ask(["a"], "virsh a")
    assert answers == [None]
    assert problems.as_json()[0]["why"] == "no such file or directory"


def test_libvirt_without_domain_capabilities(tmp_path: Path) -> None:
    fake = FakeVirsh(tmp_path / "bin", {"version --daemon": ("text", "Using library: libvirt 11.3.0")})
    options = fake.options._replace(domain_capabilities=False)
    data, problems = gather(libvirt.gather, tmp_path, options)
    assert data["version"]["library"] == "11.3.0"
    assert data["version"]["daemon"] is None
    assert data["domain_capabilities"] == []
    assert "--no-domcapabilities" in problems[0]["why"]
    assert all("domcapabilities" not in call[-1] for call in fake.calls())


def test_the_map_is_read_without_comments(tmp_path: Path) -> None:
    folder = tmp_path / "usr/share/libvirt/cpu_map"
    folder.mkdir(parents=True)
    (folder / "index.xml").write_text("<!-- licence --><cpus>\n  <arch name='x86'/>\n</cpus>")
    (folder / "arm_features.xml").write_text("<cpus/>")
    (folder / "broken.xml").write_text("<cpus>")
    (folder / "README").write_text("no")
    data, problems = gather(libvirt.gather, tmp_path, Options(virsh=("/no/virsh",)))
    assert data["map"] == {
        "directory": "/usr/share/libvirt/cpu_map",
        "files": {"index.xml": '<cpus><arch name="x86"/></cpus>'},
    }
    assert "/usr/share/libvirt/cpu_map/broken.xml" in [problem["what"] for problem in problems]


def test_a_map_that_libvirt_cannot_read_is_not_taken_for_sound(tmp_path: Path) -> None:
    folder = tmp_path / "usr/share/libvirt/cpu_map"
    folder.mkdir(parents=True)
    (folder / "index.xml").write_text("<cpus/>")
    (folder / "latin.xml").write_bytes(b"<cpus><model name='caf\xe9'/></cpus>")
    (folder / "folder.xml").mkdir()
    data, problems = gather(libvirt.gather, tmp_path, Options(virsh=("/no/virsh",)))
    assert list(data["map"]["files"]) == ["index.xml"]
    told = {Path(problem["what"]).name: problem["why"] for problem in problems}
    assert {name: why for name, why in told.items() if name.endswith(".xml")} == {
        "folder.xml": "not a regular file",
        "latin.xml": "not UTF-8: byte e9 at 22",
    }


def make_daemon(machine: Path, pid: int, root: Path, comm: str = "libvirtd") -> None:
    """Make a running daemon, and the map that it reads."""
    process = machine / "proc" / str(pid)
    process.mkdir(parents=True)
    (process / "comm").write_text(f"{comm}\n")
    (process / "root").symlink_to(root)
    folder = root / "usr/share/libvirt/cpu_map"
    folder.mkdir(parents=True)
    (folder / "index.xml").write_text("<cpus/>")


def directory_of_map(machine: Path) -> str:
    data, _ = gather(libvirt.gather, machine, Options(virsh=("/no/virsh",)))
    directory: str = data["map"]["directory"]
    return directory


def test_the_map_of_a_daemon_in_a_container(tmp_path: Path) -> None:
    make_daemon(tmp_path, 7, tmp_path / "container", "virtqemud")
    assert directory_of_map(tmp_path) == "/proc/7/root/usr/share/libvirt/cpu_map"


def test_the_map_of_a_daemon_that_runs_here_goes_before_a_containers(tmp_path: Path) -> None:
    make_daemon(tmp_path, 7, tmp_path / "container")
    make_daemon(tmp_path, 8, tmp_path)
    assert directory_of_map(tmp_path) == "/usr/share/libvirt/cpu_map"


def test_a_cache_made_for_another_binary_is_told(tmp_path: Path) -> None:
    binary = tmp_path / "usr/bin/qemu"
    binary.parent.mkdir(parents=True)
    binary.write_text("")
    folder = tmp_path / "var/cache/libvirt/qemu/capabilities"
    folder.mkdir(parents=True)
    text = (
        "<qemuCaps><emulator>/usr/bin/qemu</emulator><qemuctime>{}</qemuctime>"
        "<version>7002022</version></qemuCaps>"
    )
    (folder / "old.xml").write_text(text.format(1))
    (folder / "right.xml").write_text(text.format(int(binary.stat().st_ctime)))
    data, _ = gather(libvirt.gather, tmp_path, Options(virsh=("/no/virsh",)))
    assert [(entry["file"], entry["emulator_newer"]) for entry in data["cache"]] == [
        ("old.xml", True),
        ("right.xml", False),
    ]
    assert data["cache"][0]["qemu_version"] == "7002022"


def test_domains_as_defined_and_as_they_run(tmp_path: Path) -> None:
    live = "<domain type='kvm' id='3'><name>a &amp; b</name></domain>"
    defined = "<domain type='kvm'><name>a &amp; b</name></domain>"
    answers = {
        "list --all --uuid": ("text", "\n".join(UUIDS)),
        "list --transient --uuid": ("text", UUIDS[1]),
        f"domstate {UUIDS[0]}": ("text", "shut off"),
        f"dumpxml {UUIDS[0]}": ("text", defined),
        f"dumpxml --inactive {UUIDS[0]}": ("text", defined),
        f"domstate {UUIDS[1]}": ("text", "running"),
        f"dumpxml {UUIDS[1]}": ("text", live),
        f"dumpxml --inactive {UUIDS[1]}": ("text", defined),
        f"dumpxml --migratable {UUIDS[1]}": ("text", defined),
        f"domstate {UUIDS[2]}": ("error", "Domain not found"),
        f"dumpxml {UUIDS[2]}": ("error", "Domain not found"),
        f"dumpxml --inactive {UUIDS[2]}": ("error", "Domain not found"),
    }
    fake = FakeVirsh(tmp_path / "bin", answers)
    data, problems = gather(domains.gather, tmp_path, fake.options)
    stopped, transient = data["domains"]
    assert (stopped["name"], stopped["state"], stopped["id"], stopped["live"]) == ("a & b", "shut off", None, None)
    assert stopped["inactive"] == '<domain type="kvm"><name>a &amp; b</name></domain>'
    assert (transient["id"], transient["inactive"]) == (3, None)
    assert transient["live"] == '<domain type="kvm" id="3"><name>a &amp; b</name></domain>'
    assert (stopped["started"], transient["started"]) == (
        None,
        '<domain type="kvm"><name>a &amp; b</name></domain>',
    )
    assert {problem["why"] for problem in problems} == {"Domain not found"}
    assert [call[0] for call in fake.calls()] == ["-r", "-r", "-c"]


def test_no_domains(tmp_path: Path) -> None:
    answers = {"list --all --uuid": ("text", ""), "list --transient --uuid": ("text", "")}
    assert gather(domains.gather, tmp_path, FakeVirsh(tmp_path, answers).options) == ({"domains": []}, [])
