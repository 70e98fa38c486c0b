"""Real cohorts, imported by the mapping files beside this test."""

from pathlib import Path

import openpyxl
import pandas as pd
import pytest
import sqlalchemy as sa

from tracker.exchange.importing import import_file
from tracker.extensions import db
from tracker.models import Arm, Assay, AuditEvent, Cohort, Measurement, Participant, ReportedOutcome, Trial

MAPPINGS = Path(__file__).parent / "mappings"


def counts(*columns):
    chosen = sa.select(*columns, sa.func.count()).select_from(Participant)
    if any(column.class_ is ReportedOutcome for column in columns):
        chosen = chosen.join(ReportedOutcome)
    if any(column.class_ is Cohort for column in columns):
        chosen = chosen.join(Cohort)
    if any(column.class_ is Arm for column in columns):
        chosen = chosen.join(Arm)
    return {
        key[0] if len(key) == 1 else tuple(key): number
        for *key, number in db.session.execute(chosen.group_by(*columns))
    }


def measured(*columns):
    """By assay: how many measurements, or what else is asked of them."""
    chosen = sa.select(Assay.name, *(columns or (sa.func.count(Measurement.id),))).join(Assay.measurements)
    rows = db.session.execute(chosen.group_by(Assay.name)).all()
    return {name: values[0] if len(values) == 1 else tuple(values) for name, *values in rows}


@pytest.fixture
def chowell(app, shared):
    return lambda path=None, **options: import_file(
        path or shared / "data/real/loris/chowell_1479.csv", MAPPINGS / "chowell.toml", **options
    )


def test_chowell(chowell):
    done = chowell()
    assert done.is_stored
    assert done.faults.empty
    assert counts(ReportedOutcome.best_overall_response) == {"responder": 409, "non-responder": 1070}
    diagnoses = counts(Participant.diagnosis)
    assert (len(diagnoses), sum(diagnoses.values()), diagnoses["Breast"]) == (16, 1479, 25)
    assert counts(Participant.subtype) == {"unknown": 25, None: 1454}
    assert counts(Participant.undated) == {True: 1479}
    assert counts(Participant.tumor_location)["LUNG"] == 538 + 50
    deaths = db.session.scalar(sa.select(sa.func.count(ReportedOutcome.id)).where(ReportedOutcome.os_event))
    assert deaths == 873


def test_chowells_measurements_are_those_of_the_file(chowell, shared):
    chowell()
    columns = {
        "TMB (MSK-IMPACT)": "TMB",
        "PD-L1 TPS": "PDL1_TPS(%)",
        "Albumin in blood": "Albumin",
        "Neutrophil-to-lymphocyte ratio": "NLR",
        "Platelets in blood": "Platelets",
        "Hemoglobin in blood": "HGB",
        "FCNA (MSK-IMPACT)": "FCNA",
        "MSI (MSK-IMPACT)": "MSI",
        "HLA LOH (MSK-IMPACT)": "HLA_LOH",
        "HED": "HED",
        "Body mass index": "BMI",
    }
    raw = pd.read_csv(shared / "data/real/loris/chowell_1479.csv")
    assert measured() == {assay: raw[column].count() for assay, column in columns.items()}
    sums = measured(sa.func.sum(Measurement.value))
    assert sums == {assay: pytest.approx(raw[column].sum()) for assay, column in columns.items()}
    assert measured()["PD-L1 TPS"] == 1479 - 1075
    assert sums["MSI (MSK-IMPACT)"] == 45
    told = db.session.execute(
        sa.select(Measurement.timepoint, Measurement.qualifier, Measurement.qc_status).distinct()
    ).all()
    assert told == [("baseline", "=", "passed")]
    high = sa.select(sa.func.count(Measurement.id)).join(Measurement.assay).where(Measurement.value >= 10)
    assert db.session.scalar(high.where(Assay.name == "TMB (MSK-IMPACT)")) == (raw["TMB"] >= 10).sum()


def test_chowell_twice_adds_nothing(chowell):
    chowell()
    events = db.session.scalar(sa.select(sa.func.count(AuditEvent.id)))
    done = chowell()
    assert {name: (one.new, one.changed, one.unchanged) for name, one in done.counts.items()} == {
        "trial": (0, 0, 1),
        "arm": (0, 0, 1),
        "participant": (0, 0, 1479),
        "outcome": (0, 0, 1479),
        "biomarker": (0, 0, 11),
        "assay": (0, 0, 11),
        "measurement": (0, 0, 10 * 1479 + 404),
    }
    assert done.differences.empty
    assert db.session.scalar(sa.select(sa.func.count(AuditEvent.id))) == events


def test_chowell_as_a_workbook_is_the_same(chowell, shared, tmp_path):
    frame = pd.read_csv(shared / "data/real/loris/chowell_1479.csv")
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Sheet1")
    sheet.append(list(frame.columns))
    for line in frame.astype(object).where(frame.notna(), None).itertuples(index=False):
        sheet.append(line)
    book.save(tmp_path / "chowell.xlsx")
    chowell()
    done = chowell(tmp_path / "chowell.xlsx")
    assert done.counts["outcome"].unchanged == done.counts["participant"].unchanged == 1479
    assert done.differences.empty


def test_the_original_workbook_of_chowell_is_read_by_sheet(app, shared, tmp_path):
    mapping = (MAPPINGS / "chowell.toml").read_text(encoding="utf-8").replace('"PATIENT_KEY"', '"SAMPLE_ID"')
    (tmp_path / "map.toml").write_text('[source]\nsheet = "Chowell_test"\n' + mapping, encoding="utf-8")
    done = import_file(shared / "data/real/loris/AllData.xlsx", tmp_path / "map.toml")
    assert done.is_stored
    assert done.counts["participant"].new == 515


def test_inspire(app, shared):
    done = import_file(shared / "data/real/inspire/pembrolizumab.csv", MAPPINGS / "inspire.toml")
    assert done.is_stored
    assert counts(Cohort.name) == {"A": 16, "B": 18, "C": 18, "D": 12, "E": 30}
    assert counts(Cohort.name, ReportedOutcome.best_overall_response)["D", "responder"] == 8
    assert ("B", "responder") not in counts(Cohort.name, ReportedOutcome.best_overall_response)
    assert counts(ReportedOutcome.clinical_benefit) == {True: 24, False: 70}
    assert counts(Participant.tumor_location, Participant.subtype)["BREAST", "TNBC"] == 18
    assert measured() == {
        "PD-L1 (INSPIRE)": 93,
        "TMB (INSPIRE)": 94,
        "ctDNA (INSPIRE)": 94,
        "Change of ctDNA (INSPIRE)": 73,
    }
    assert measured(sa.func.min(Measurement.value))["TMB (INSPIRE)"] < 0
    increased = Measurement.category == "Increase from baseline"
    assert db.session.scalar(sa.select(sa.func.count(Measurement.id)).where(increased)) == 40


def test_oak(app, shared):
    done = import_file(shared / "data/real/oak/oak.csv", MAPPINGS / "oak.toml")
    assert done.is_stored
    trial = db.session.scalars(sa.select(Trial)).one()
    assert trial.is_randomised
    assert not trial.hides_arms
    assert {arm.code: (arm.type, arm.regimen.name) for arm in trial.arms} == {
        "ATEZO": ("experimental", "atezolizumab"),
        "DOC": ("active comparator", "docetaxel"),
    }
    assert counts(Arm.code) == {"ATEZO": 291, "DOC": 287}
    assert counts(Arm.code, ReportedOutcome.os_event)["ATEZO", True] == 193
    first = db.session.scalars(sa.select(Participant).where(Participant.code == "OAK-1")).one()
    assert (first.arm.code, first.reported_outcome.os_months) == ("DOC", 5.190965092)
    raw = pd.read_csv(shared / "data/real/oak/oak.csv")
    assert measured(sa.func.count(Measurement.id), sa.func.sum(Measurement.value)) == {
        "bTMB (OAK)": (578, raw["btmb"].sum()),
        "PD-L1 at least 1 % (OAK)": (578, raw["pdl1"].sum()),
    }
