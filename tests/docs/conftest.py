"""Makes the repository's own tools importable, as `python -m tools.make_docs` does."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
