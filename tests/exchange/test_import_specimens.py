"""What an import of specimens stores and refuses, and of measurements that were made in them."""

import datetime

import pytest
import sqlalchemy as sa

from tests.exchange.test_import_measurements import UNDATED, faults
from tests.factories import make_assay, make_measurement, make_participant, make_specimen, make_trial
from tracker.exchange.importing import import_file
from tracker.extensions import db
from tracker.models import Assay, Measurement, Query, Specimen

MAPPING = """
[trial]
code = "CCI-1"

[specimen]
participant = "id"
barcode = "barcode"
type = "type"
timepoint = "when"
collected_on = "day"
"""

MEASURED = """
[trial]
code = "CCI-1"

[[measurement]]
assay = "TMB"
value = "tmb"
specimen = "barcode"
"""


@pytest.fixture
def trial(app):
    """A trial with the participants P1 and P2, and P3 who came without dates."""
    trial = make_trial(code="CCI-1")
    for code, given in (("P1", {}), ("P2", {}), ("P3", UNDATED)):
        make_participant(trial=trial, code=code, **given)
    make_assay(name="TMB")
    return trial


@pytest.fixture
def load(app, tmp_path):
    def load(text, mapping=MAPPING, **options):
        (tmp_path / "file.csv").write_text(text, encoding="utf-8")
        (tmp_path / "map.toml").write_text(mapping, encoding="utf-8")
        return import_file(tmp_path / "file.csv", tmp_path / "map.toml", **options)

    return load


HEADER = "id,barcode,type,when,day\n"


def test_specimens_are_stored_once_and_later_files_fill_what_is_empty(load, trial):
    text = HEADER + "P1,B-1,FFPE,baseline,2024-01-02\nP1,B-2,plasma,on treatment,2024-03-01\n"
    assert load(text).counts["specimen"].new == 2
    assert load(text).counts["specimen"].new == 0
    more = load(
        "id,barcode,tumor\nP1,B-1,60\n",
        '[trial]\ncode = "CCI-1"\n[specimen]\nparticipant = "id"\nbarcode = "barcode"\n'
        'tumor_content_percent = "tumor"\n',
    )
    assert more.counts["specimen"].changed == 1
    one = db.session.scalar(sa.select(Specimen).where(Specimen.barcode == "B-1"))
    assert (one.type.value, one.timepoint.value, one.status.value, one.tumor_content_percent) == (
        "fixed tissue", "baseline", "available", 60,
    )  # fmt: skip
    assert one.collected_on == datetime.date(2024, 1, 2)


@pytest.mark.parametrize(
    "row, column",
    [
        ("P9,B-1,FFPE,baseline,2024-01-02", "id"),
        ("P1,,FFPE,baseline,2024-01-02", None),  # a row without a barcode has no specimen
        ("P1,B-1,block,baseline,2024-01-02", "type"),
        ("P1,B-1,FFPE,,2024-01-02", "when"),
        ("P1,B-1,FFPE,baseline,", "day"),
        ("P1,B-1,FFPE,baseline,2099-01-02", "day"),
        ("P3,B-1,FFPE,baseline,2024-01-02", "day"),  # came without dates
        ("P2,OLD,FFPE,baseline,2024-01-02", "barcode"),  # is another participant's
    ],
)
def test_a_faulty_specimen_is_told_by_its_row_and_column(load, trial, row, column):
    make_specimen(barcode="OLD", participant=trial.participants[0])
    done = load(HEADER + row + "\nP1,B-7,plasma,baseline,2024-01-09\n")
    if column is None:
        assert done.is_stored
    else:
        assert faults(done) == [(2, column)]


def test_study_days_and_queries_of_specimens(load, trial):
    load(
        "id,barcode,type,when,day\nP3,B-3,serum,baseline,-2\n",
        MAPPING.replace("collected_on", "collected_day"),
    )
    assert db.session.scalars(sa.select(Specimen)).one().collected_on == datetime.date(1999, 12, 30)
    load(HEADER + "P1,B-4,serum,baseline,2024-05-01\n")
    assert db.session.scalars(sa.select(Query)).one().rule == "baseline_after_the_first_dose"


# Measurements


def stored():
    rows = sa.select(Measurement, Specimen).outerjoin(Measurement.specimen).order_by(Measurement.id)
    return [
        (
            measurement.participant.code,
            specimen and specimen.barcode,
            measurement.timepoint,
            measurement.value,
        )
        for measurement, specimen in db.session.execute(rows)
    ]


def test_a_specimen_tells_the_participant_and_the_timepoint_of_a_measurement(load, trial):
    first, second = trial.participants[:2]
    make_specimen(barcode="B-1", participant=first)
    make_specimen(barcode="B-2", participant=second, type="plasma", timepoint="progression")
    assert load("barcode,tmb\nB-1,12\nB-2,<1\n", MEASURED).is_stored
    assert stored() == [("P1", "B-1", "baseline", 12), ("P2", "B-2", "progression", 1)]
    assert load("barcode,tmb\nB-1,12\nB-2,<1\n", MEASURED).counts["measurement"].unchanged == 2


def test_two_specimens_of_a_participant_are_two_measurements(load, trial):
    """By the natural key: assay, participant, specimen, timepoint and date."""
    for barcode in ("B-1", "B-2"):
        make_specimen(barcode=barcode, participant=trial.participants[0])
    make_measurement(
        assay=db.session.scalars(sa.select(Assay)).one(),
        participant=trial.participants[0],
    )
    done = load("barcode,tmb\nB-1,12\nB-2,14\n", MEASURED)
    assert done.counts["measurement"].new == 2
    assert [row[1] for row in stored()] == [None, "B-1", "B-2"]


@pytest.mark.parametrize(
    "text, mapping, column",
    [
        ("barcode,tmb\nB-9,4\n", MEASURED, "barcode"),
        ("id,barcode,tmb\nP2,B-1,4\n", MEASURED + 'participant = "id"\n', "barcode"),
        ("id,barcode,tmb\nP1,B-1,4\n", MEASURED + 'participant = "id"\ntimepoint = "progression"\n', None),
    ],
)
def test_a_measurement_in_a_specimen_that_does_not_fit_is_faulty(load, trial, text, mapping, column):
    make_specimen(barcode="B-1", participant=trial.participants[0])
    done = load(text, mapping)
    ((row, found),) = faults(done)
    assert row == 2
    assert column is None or found == column


def test_specimens_and_what_is_measured_in_them_may_come_in_one_file(load, trial):
    mapping = (
        MAPPING
        + '\n[[measurement]]\nassay = "TMB"\nvalue = "tmb"\nspecimen = "barcode"\nparticipant = "id"\n'
    )
    done = load("id,barcode,type,when,day,tmb\nP1,B-1,FFPE,baseline,2024-01-02,8\n", mapping)
    assert (done.counts["specimen"].new, done.counts["measurement"].new) == (1, 1)
    assert stored() == [("P1", "B-1", "baseline", 8)]
