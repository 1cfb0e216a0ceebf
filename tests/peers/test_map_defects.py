"""Broken maps and the real libvirt: its own message, and ours, which names the feature and the remedy.

Each map is bound over the installed one in a mount namespace of its own, which ends with its one process. The QEMU
driver runs inside virsh (`qemu:///embed`), so no daemon is touched. VCPUID_MAP_EDITS asks for more than the
usual number of random edits.
"""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from pathlib import Path
from random import Random

import pytest

from map_defects import INSTALLED, TINY, Defect, baseline, load_defects, with_map
from programs import needs, needs_mount_namespace, version_of_libvirt
from vcpuid.cli.dump import dump_here
from vcpuid.rules.libvirt.map_lint import lint_map, read_and_lint
from vcpuid.terms.finding import Severity

REQUIRED = "<cpu match='minimum'><model>Older</model><feature policy='require' name='sgx'/></cpu>"
DEFECTS = load_defects()


pytestmark = [
    needs("virsh", package="libvirt-clients"),
    pytest.mark.skipif(not INSTALLED.is_dir(), reason="needs libvirt's CPU map (Debian package libvirt0)"),
    needs_mount_namespace(),
]


def compare(folder: Path, tmp_path: Path) -> str:
    request, root = tmp_path / "required.xml", tmp_path / "root"
    request.write_text(REQUIRED, encoding="utf-8")
    root.mkdir()
    uri = f"qemu:///embed?root={root}"
    return with_map(folder, "virsh", "-c", uri, "cpu-compare", "--error", str(request))


def test_the_sound_map_is_taken(tmp_path: Path) -> None:
    answer = baseline(TINY, tmp_path)
    assert "<model fallback='forbid'>Newer</model>" in answer
    assert "name='sgx'" in answer


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_libvirts_word_and_ours(defect: Defect, tmp_path: Path) -> None:
    folder = defect.spoil(tmp_path / "map")
    answer = baseline(folder, tmp_path)
    findings = read_and_lint(folder)
    assert findings
    if defect.libvirt is not None:
        said = defect.newer if defect.newer and version_of_libvirt() >= (11, 3) else defect.libvirt
        assert said in answer
        assert any(
            finding.severity is Severity.ERROR or finding.rule == "map.not-included" for finding in findings
        )
    elif defect.lacks is not None:
        assert defect.lacks not in answer
    else:
        assert answer == baseline(TINY, tmp_path)


@pytest.mark.parametrize(
    "name", [defect.name for defect in DEFECTS if (defect.libvirt or "").startswith(("Invalid cpuid", "no x86"))]
)
def test_we_name_the_feature_that_libvirt_does_not(name: str, tmp_path: Path) -> None:
    defect = next(defect for defect in DEFECTS if defect.name == name)
    folder = defect.spoil(tmp_path / "map")
    assert "sgx" not in baseline(folder, tmp_path)
    (finding,) = read_and_lint(folder)
    assert "feature sgx" in finding.message
    assert finding.mend == "Write <cpuid eax_in='0x07' ecx_in='0x00' ebx='0x00000004'/>."


NAMED = {1: "tsc_adjust", 3: "bmi1", 5: "avx2", 14: "mpx"}  # bits of leaf 7 EBX in the tiny map, but for sgx


@cache
def leaf_7_ebx() -> int:
    return dump_here().cpus[0].rows[7, 0][1]


def test_a_mask_of_which_the_host_has_a_part_is_refused_with_an_empty_list(tmp_path: Path) -> None:
    """Compare for the QEMU driver: today's form of a message that names nothing."""
    has = next((bit for bit in NAMED if leaf_7_ebx() >> bit & 1), None)
    lacks = next((bit for bit in range(32) if not leaf_7_ebx() >> bit & 1 and bit not in NAMED), None)
    if has is None or lacks is None:
        pytest.skip("needs a CPU with tsc_adjust, bmi1, avx2 or mpx, and without another bit of leaf 7 EBX")
    mask = f"ebx='0x{1 << has | 1 << lacks:08x}'"
    folder = Defect("", "x86_features.xml", "ebx='0x00000004'", mask, (), None, None).spoil(tmp_path / "map")
    answer = compare(folder, tmp_path)
    assert re.search(r"Host CPU does not provide required features: *$", answer, re.MULTILINE), answer
    (finding,) = read_and_lint(folder)
    assert finding.rule == "map.several-bits"
    assert "feature sgx" in finding.message
    assert finding.expected == "CPUID.07H.0:EBX[2]"


def test_the_value_of_a_register_is_refused_with_other_names(tmp_path: Path) -> None:
    """A value that has all bits: the message names what the host lacks of it, and never sgx."""
    lacking = [name for bit, name in NAMED.items() if not leaf_7_ebx() >> bit & 1]
    if not lacking:
        pytest.skip("needs a CPU without one of tsc_adjust, bmi1, avx2, mpx")
    defect = next(defect for defect in DEFECTS if defect.name == "register-value")
    answer = compare(defect.spoil(tmp_path / "map"), tmp_path)
    listed = answer.partition("required features: ")[2]
    assert set(re.findall(r"\w+", listed)) == set(lacking)
    assert "sgx" not in listed


@needs("qemu-system-x86_64", package="qemu-system-x86")
@pytest.mark.parametrize("name", ["zz-leaf", "cvt16", "bmi-1"])
def test_a_name_that_qemu_lacks_fails_at_the_start(name: str) -> None:
    done = subprocess.run(
        ["qemu-system-x86_64", "-cpu", f"qemu64,{name}=on", "-display", "none", "-nodefaults", "-S"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert f"can't apply global qemu64-x86_64-cpu.{name}=on: Property 'qemu64-x86_64-cpu.{name}' not found" in (
        done.stderr
    )


# Edits at random -----------------------------------------------------------------------------------

SEED, CASES = 4, int(os.environ.get("VCPUID_MAP_EDITS", "150"))
# Errors that libvirt loads silently: they spoil answers, as the table of defects shows.
SILENT = {
    "map.empty-name",
    "map.name-with-blanks",
    "map.register-value",
    "map.several-bits",
    "map.several-items",
    "map.shared-bit",
    "map.wrong-bit",
}
VALUES = (
    *(
        b"",
        b"0",
        b"1",
        b"6",
        b"15",
        b"16",
        b"010",
        b"0x6",
        b"0x1",
        b"0x100000000",
        b"4294967296",
        b"-1",
        b"+6",
        b" 6",
    ),
    *(
        b"6 ",
        b"0-3",
        b"0,4-7",
        b"3-1",
        b"0,,1",
        b"^1",
        b"0-7,^3",
        b"1-",
        b"1, 2",
        b"yes",
        b"no",
        b"on",
        b"off",
        b"zz",
    ),
    *(b"Older", b"Newer", b"Intel", b"AMD", b"sgx", b"vme", b"x86_Older.xml", b"x86", b"GenuineIntel"),
)
NAMES = (b"name", b"added", b"foo", b"ebx", b"index", b"host")


def spoil_at_random(raw: bytes, random: Random) -> bytes:
    """Change, rename or remove an attribute, or remove or repeat an element."""
    attributes = list(re.finditer(rb" ([a-z_]+)='([^']*)'", raw))
    elements = list(re.finditer(rb"<[a-z]+[^>]*/>", raw))
    attribute, element, other = random.choice(attributes), random.choice(elements), random.choice(elements)
    start, end, text = random.choice(
        (
            (attribute.start(2), attribute.end(2), random.choice(VALUES)),
            (attribute.start(2), attribute.end(2), random.choice(VALUES)),
            (attribute.start(1), attribute.end(1), random.choice(NAMES)),
            (attribute.start(), attribute.end(), b""),
            (element.start(), element.end(), b""),
            (other.end(), other.end(), element.group()),
        )
    )
    return raw[:start] + text + raw[end:]


def test_libvirt_refuses_what_we_call_an_error_and_nothing_else(tmp_path: Path) -> None:
    random = Random(SEED)  # noqa: S311 - reproducible cases, no secrets
    sound = {path.name: path.read_bytes() for path in sorted(TINY.iterdir())}
    disagreements, refused = [], 0
    for number in range(CASES):
        name = random.choice(sorted(sound))
        files = {**sound, name: spoil_at_random(sound[name], random)}
        folder = tmp_path / str(number)
        folder.mkdir()
        for file, raw in files.items():
            (folder / file).write_bytes(raw)
        errors = {finding.rule for finding in lint_map(files, "map") if finding.severity is Severity.ERROR}
        answer = baseline(folder, tmp_path)
        # A model or feature that was asked for and is not there is no fault of the map.
        refuses = "error:" in answer and not re.search(r"[Uu]nknown CPU (model|feature|vendor)", answer)
        refused += refuses
        if refuses != bool(errors - SILENT):
            disagreements.append((name, files[name], answer, errors))
    assert refused > CASES // 10
    assert disagreements == []
