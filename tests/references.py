"""The reference values that lie beside the project, where they do."""

import json
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[1].parent / "shared"


def references(*prefixes):
    """The cases whose id begins so, as parameters; a single skipped one where the file is absent."""
    path = SHARED / "REFERENCE_VALUES.json"
    if not path.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason="the reference values are not here"))]
    cases = json.loads(path.read_text(encoding="utf-8"))["cases"]
    return [pytest.param(case, id=case["id"]) for case in cases if case["id"].startswith(prefixes)]
