"""What the linter of nova.conf says that nova-compute ends with, and the real Nova's answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nova_lint import INPUTS, lint_input
from nova_peer import RealNova
from programs import needs_libvirt
from vcpuid.terms.finding import Finding

ENDS = ("At the start: nova-compute ends", "At the start: oslo.config refuses")
QUOTED = re.compile(r'"([^"]+)"')
# What rests on a host or a map that is not this machine's cannot be asked for here.
ASKED = [path for path in INPUTS if not path.stem.startswith(("host-", "newer-", "unseen-"))]
pytestmark = needs_libvirt()


def ending(findings: tuple[Finding, ...]) -> list[Finding]:
    return [finding for finding in findings if finding.consequence.startswith(ENDS)]


@pytest.mark.parametrize("path", ASKED, ids=lambda path: path.stem)
def test_nova_ends_where_we_say_so(nova: RealNova, path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    real = nova.ask({"files": [text]})
    refused = real.get("configured") or real["start"]
    told = ending(lint_input(path).findings)
    if told:
        assert refused
        quoted = [QUOTED.findall(finding.consequence) for finding in told]
        words = " ".join(str(refused["words"]).split())
        # Nova ends at the first fault.
        assert any(all(" ".join(part.rstrip(".").split()) in words for part in own) for own in quoted)
    elif refused:
        # The host's CPU, which the file knows nothing of, may not serve.
        assert "not compatible with host CPU" in refused["words"]


def test_some_of_them_end_it() -> None:
    assert sum(bool(ending(lint_input(path).findings)) for path in ASKED) > 5
