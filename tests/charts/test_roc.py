"""The ROC curve, read as a reader would."""

from xml.etree import ElementTree

import pytest

from tracker.charts import base
from tracker.charts.roc import RocPoint, roc

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("width", [base.WIDE, base.NARROW])
def test_each_cutoff_is_heard_and_the_area_is_read(width):
    drawn = roc([0, 0.6, 1], [1, 0.8, 0], title="ROC", area_label="AUC 0.70 (0.60–0.80)",
                points=[RocPoint("≥ 10 (pre-specified)", 0.6, 0.8)], width=width)  # fmt: skip
    root = ElementTree.fromstring(str(drawn))
    (heard,) = [one.get("aria-label") for one in root.iter(f"{SVG}g")]
    assert heard == "≥ 10 (pre-specified): sensitivity 60.0%, specificity 80.0%"
    assert "AUC 0.70 (0.60–0.80)" in [one.text for one in root.iter(f"{SVG}text")]


def test_a_caption_is_written_under_the_title_of_a_file_of_its_own_alone():
    caption = base.Standalone(("Marker: PD-L1, by 22C3. " * 8, "Trial: ONE."))
    drawn = str(roc([0, 1], [1, 0], title="ROC", area_label="AUC", standalone=caption))
    assert "Trial: ONE." in drawn
    assert drawn.count("PD-L1") == 8
    plain = str(roc([0, 1], [1, 0], title="ROC", area_label="AUC", standalone=True))
    assert "Trial" not in plain
