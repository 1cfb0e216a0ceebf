"""The project's tutorial on SGX in OpenStack: what it shows is compared with what happens."""

from __future__ import annotations

import re
from pathlib import Path

TUTORIAL = (Path(__file__).parents[3] / "docs" / "tutorials" / "sgx-openstack.md").read_text("utf-8")


def block_of(kind: str) -> str:
    """Give the tutorial's one block of a kind, such as `xml`."""
    [found] = re.findall(rf"^```{kind}\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)
    return str(found)
