"""Measurements of many assays, one a row: a column names the assay."""

import pytest
import sqlalchemy as sa

from tests.exchange.test_import_measurements import UNDATED, faults, stored
from tests.factories import make_assay, make_participant, make_trial
from tracker.exchange.importing import import_file
from tracker.extensions import db
from tracker.models import Assay, Measurement

MAPPING = """
[trial]
code = "CCI-1"

[[measurement]]
participant = "id"
assay = { column = "test" }
value = "result"
unit = "unit"
timepoint = "baseline"
"""


@pytest.fixture
def load(app, tmp_path):
    trial = make_trial(code="CCI-1")
    for code in ("P1", "P2"):
        make_participant(trial=trial, code=code, **UNDATED)
    make_assay(name="TMB panel", unit="mut/Mb")
    make_assay(name="MSI", scale="binary", unit=None)
    make_assay(name="HER2", scale="ordinal", unit=None)
    make_assay(name="never used")

    def load(text, mapping=MAPPING, **options):
        (tmp_path / "file.csv").write_text(text, encoding="utf-8")
        (tmp_path / "map.toml").write_text(mapping, encoding="utf-8")
        return import_file(tmp_path / "file.csv", tmp_path / "map.toml", **options)

    return load


def test_each_row_is_read_by_the_scale_of_its_assay(load):
    text = "id,test,result,unit\nP1,TMB panel,<1,mut/Mb\nP1,msi,yes,\nP2,HER2,2+,\nP2,Tmb Panel,7.5,\n"
    done = load(text)
    assert done.is_stored
    assert {name: one.new for name, one in done.counts.items()}["measurement"] == 4
    assert done.counts["assay"].unchanged == 3
    rows = stored(Assay.name, Measurement.value, Measurement.category, Measurement.qualifier)
    assert rows == [
        ("P1", "TMB panel", 1, None, "<"),
        ("P1", "MSI", 1, None, "="),
        ("P2", "TMB panel", 7.5, None, "="),
        ("P2", "HER2", None, "2+", "="),
    ]
    assert load(text).counts["measurement"].unchanged == 4


@pytest.mark.parametrize(
    "row, column",
    [
        ("P1,TBM panel,4,mut/Mb", "test"),
        ("P1,,4,mut/Mb", "test"),
        ("P1,TMB panel,high,mut/Mb", "result"),
        ("P1,TMB panel,4,mut/exome", "unit"),
        ("P1,MSI,4,", "result"),
        ("P9,MSI,1,", "id"),
    ],
)
def test_a_faulty_row_is_told_by_its_cell(load, row, column):
    assert faults(load(f"id,test,result,unit\nP2,MSI,1,\n{row}\n")) == [(3, column)]
    assert db.session.scalar(sa.select(sa.func.count(Measurement.id))) == 0


def test_a_name_that_no_assay_has_is_answered_with_those_that_are_near(load):
    done = load("id,test,result,unit\nP1,TBM panel,4,\n")
    assert "TMB panel" in done.faults["message"][0]
    assert "never used" not in done.faults["message"][0]
