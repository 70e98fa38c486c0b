"""The ledger's figure and the one of independent drug action, read as a reader would."""

from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from tests.charts.test_forest import classes, groups, texts
from tracker.charts import base
from tracker.charts.drug_action import drug_action
from tracker.charts.ledger import LedgerRow, ledger

ALONE = [("nivolumab", 0.437, 316), ("ipilimumab", 0.19, 315)]
ROW = LedgerRow(
    "nivolumab + ipilimumab", "Skin · published", 181, 314, 0.576, 0.520, 0.632, 0.544, ALONE, "Better."
)
FEW = LedgerRow("a + b", "Liver · own", 1, 3, 1 / 3, 0.008, 0.906, None, [("a", 0.2, 4)], "Not assessable.")


def parsed(drawing):
    return ElementTree.fromstring(str(drawing))


def test_a_line_shows_the_combination_its_expectation_and_each_component():
    root = parsed(ledger([ROW], title="Ledger"))
    (line,) = [one for one in groups(root) if one.get("role") == "img"]
    assert {"nivolumab", "ipilimumab", "57.6% (52.0–63.2)", "expected 54.4%"} <= set(texts(line))
    assert [len(classes(line, name)) for name in ("mark", "expected", "alone", "interval")] == [1, 1, 2, 1]
    heard = line.get("aria-label")
    assert heard == (
        "nivolumab + ipilimumab, Skin · published: 181/314, 57.6% (52.0–63.2); expected 54.4%;"
        " ipilimumab 19.0%; nivolumab 43.7%; Better."
    )


def test_of_few_there_is_an_interval_and_no_rate():
    (line,) = [one for one in groups(parsed(ledger([FEW], title="Ledger"))) if one.get("role") == "img"]
    assert [len(classes(line, name)) for name in ("mark", "expected", "alone", "interval")] == [0, 0, 0, 1]
    assert "1/3" in texts(line)


@pytest.mark.parametrize("width", [base.WIDE, base.NARROW])
def test_nothing_is_drawn_outside_the_figure(width):
    root = parsed(ledger([ROW, FEW], title="Ledger", width=width, standalone=True))
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        assert -1 <= float(text.get("x")) <= width


def test_the_expected_curve_ends_where_it_is_not_known_and_an_empty_ledger_is_a_figure():
    month = np.array([0.0, 3.0, 6.0, 9.0])
    curve = np.array([1, 0.8, 0.5, np.nan])
    columns = [
        "observed",
        "observed_low",
        "observed_high",
        "expected",
        "expected_rho_0",
        "expected_rho_05",
        "a",
    ]
    data = pd.DataFrame({"month": month, **dict.fromkeys(columns, curve)})
    root = parsed(drug_action(data, title="PFS", estimate_label="PFS", agents=["a"]))
    lines = [one.get("d") for one in classes(root, "line")]
    ends = {line.split("L")[-1].split()[0] for line in lines if "L" in line}
    scale = base.scale(0, 9, 46, base.WIDE - 16)
    assert ends == {f"{scale(6):.1f}"}
    assert len(classes(root, "band")) == 2
    assert parsed(ledger([], title="Ledger")).tag.endswith("svg")
