"""The survival report, on real cohorts from file to table, and its rules on small numbers."""

import datetime
from pathlib import Path

import pandas as pd
import pytest

from tests.factories import (
    make_arm,
    make_assay,
    make_course,
    make_measurement,
    make_participant,
    make_reported_outcome,
    make_trial,
)
from tracker.exchange.importing import import_file
from tracker.extensions import db
from tracker.models import Assay, Participant
from tracker.reports.base import run_report
from tracker.terms.biomarker import Timepoint
from tracker.terms.trial import ArmType
from tracker.values import Refusal

MAPPINGS = Path(__file__).parents[1] / "exchange" / "mappings"


def tables(*arguments):
    return {table.name: table.rows for table in run_report("survival", arguments).tables}


@pytest.fixture
def chowell(app, shared):
    import_file(shared / "data/real/loris/chowell_1479.csv", MAPPINGS / "chowell.toml")


@pytest.fixture
def oak(app, shared):
    import_file(shared / "data/real/oak/oak.csv", MAPPINGS / "oak.toml")


def test_medians_by_diagnosis_are_those_of_the_checked_numbers(chowell, shared):
    """Computed with R's rules by another program: medians to 0.01; a limit that is not reached is missing."""
    checks = pd.read_csv(shared / "data/real/checks.csv")
    checks = checks[
        (checks["dataset"] == "loris/chowell_1479") & checks["quantity"].str.contains("months.*median")
    ]
    found = {
        endpoint: {
            row["diagnosis"]: row for row in tables(("endpoint", endpoint), ("by", "diagnosis"))["median"]
        }
        | {"all": tables(("endpoint", endpoint))["median"][0]}
        for endpoint in ("os", "pfs")
    }
    for check in checks.itertuples():
        endpoint, _months, name = check.quantity.split()[:3]
        row = found[endpoint.lower()][name]
        assert f"n={row['n']}, events={row['events']}" in check.quantity
        for key, expected in (
            ("median", check.value),
            ("median_low", check.lo95),
            ("median_high", check.hi95),
        ):
            assert (row[key] is None) == (expected == float("inf"))
            assert row[key] is None or row[key] == pytest.approx(expected, abs=0.01)
    assert len(checks) == 8


def test_docetaxel_is_the_reference_of_oak_without_being_asked(oak):
    """checks.csv: medians 13.47 and 8.411 months, hazard ratio 0.6384 (0.5265-0.7741)."""
    found = tables(("endpoint", "os"), ("by", "arm"))
    medians = sorted(row["median"] for row in found["median"])
    assert medians == pytest.approx([8.411, 13.47], abs=0.01)
    (row, overall) = found["comparison"]
    assert (row["hr"], row["hr_low"], row["hr_high"]) == pytest.approx((0.6384, 0.5265, 0.7741), abs=1e-3)
    assert overall["group"] == "overall"
    assert overall["logrank_chi2"] == pytest.approx(row["logrank_chi2"])


def test_duration_of_response_is_of_responders_from_their_first_response(app):
    trial = make_trial()
    make_course({-7: 50, 56: 30, 112: 28, 168: 45}, trial=trial)
    make_course({-7: 50, 56: 30, 112: 28}, trial=trial)
    make_course({-7: 50, 56: 45}, trial=trial)
    result = run_report("survival", [("endpoint", "dor")])
    median = result.tables[0]
    assert (median.rows[0]["n"], median.rows[0]["events"]) == (2, 1)
    assert median.rows[0]["median"] == pytest.approx(113 / 30.4375)
    assert "Times derived: 2; as reported: 0." in [str(note) for note in median.notes]
    assert "cannot be compared" in " ".join(str(note) for note in median.notes)


def test_progression_after_a_new_therapy_counts_by_the_treatment_policy_only(app):
    make_course({-7: 50, 56: 50, 112: 70}, new_therapy_on=datetime.date(2024, 4, 1))
    make_reported_outcome(participant=make_participant(), pfs_months=5, pfs_event=True)
    for censoring, events in (("fda", 1), ("treatment-policy", 2)):
        result = run_report("survival", [("censoring", censoring)])
        assert (result.tables[0].rows[0]["n"], result.tables[0].rows[0]["events"]) == (2, events)
        assert "Times derived: 1; as reported: 1." in [str(note) for note in result.tables[0].notes]


def make_followed(number, event=True, months=1.0, **given):
    for place in range(number):
        participant = make_participant(**given)
        make_reported_outcome(participant=participant, os_months=months + place, os_event=event)


def test_groups_of_fewer_than_ten_are_not_compared(app):
    trial = make_trial()
    arms = [make_arm(trial=trial, code="A"), make_arm(trial=trial, code="B", type=ArmType.ACTIVE_COMPARATOR)]
    for arm in arms:
        make_followed(9, trial=trial, arm=arm)
    result = run_report("survival", [("endpoint", "os"), ("by", "arm")])
    comparison = next(table for table in result.tables if table.name == "comparison")
    row = comparison.rows[0]
    assert row["reference"] == f"{trial.code}/B"
    assert row["hr"] is None
    assert row["logrank_p"] is None
    assert any("too few to compare" in str(note) for note in comparison.notes)


def test_a_page_names_the_compared_groups_in_words(app):
    trial = make_trial()
    for place in ("LUNG", "SKIN"):
        make_followed(10, trial=trial, tumor_location=place)
    result = run_report("survival", [("endpoint", "os"), ("by", "tumor_location"), ("reference", "SKIN")])
    comparison = next(table for table in result.tables if table.name == "comparison")
    row = comparison.rows[0]
    assert (row["group"], row["reference"]) == ("LUNG", "SKIN")
    assert [comparison.shown[name].text(row) for name in ("group", "reference")] == ["Lung", "Skin"]


def test_an_unknown_reference_is_refused_with_those_that_exist(app):
    make_followed(3)
    with pytest.raises(Refusal, match="LUNG"):
        tables(("endpoint", "os"), ("by", "tumor_location"), ("reference", "MOON"))


def test_a_marker_groups_by_its_baseline_value(app):
    """Below a limit the bound tells: < 5 is negative for a cutoff of 10, and unknown for one of 3."""
    trial = make_trial()
    assay = make_assay(positive_cutoff=10)
    for value, qualifier in ((12, "="), (3, "="), (5, "<"), (None, None)):
        participant = make_participant(trial=trial)
        make_reported_outcome(participant=participant, os_months=10, os_event=True)
        if value is not None:
            make_measurement(assay=assay, participant=participant, value=value, qualifier=qualifier)

    def counted(*arguments):
        rows = tables(("endpoint", "os"), ("by", "marker"), ("marker", assay.name), *arguments)["median"]
        return {row["marker"]: row["n"] for row in rows}

    assert counted() == {"positive": 1, "negative": 2, "missing": 1}
    assert counted(("cutoff", "3")) == {"positive": 2, "missing": 2}


def test_an_on_treatment_value_is_no_baseline_value(app):
    assay = make_assay(positive_cutoff=10)
    participant = make_participant()
    make_reported_outcome(participant=participant, os_months=10, os_event=True)
    make_measurement(assay=assay, participant=participant, value=50, timepoint="on treatment")
    rows = tables(("endpoint", "os"), ("by", "marker"), ("marker", assay.name))["median"]
    assert [row["marker"] for row in rows] == ["missing"]


def test_grouping_by_a_marker_needs_an_assay(app):
    make_assay(name="TMB")
    with pytest.raises(Refusal, match="TMB"):
        tables(("by", "marker"))


def test_nobody_gives_empty_tables_and_no_curve(app):
    result = run_report("survival", [("endpoint", "os")])
    assert [table.rows for table in result.tables if table.name != "median"] == [[], []]
    assert result.tables[0].rows[0]["n"] == 0
    assert db.session.query(Participant).count() == 0


def on_treatment(day, value, months, timepoint=Timepoint.ON_TREATMENT):
    participant = make_participant(
        enrolled_on=datetime.date(2025, 1, 1), first_dose_on=datetime.date(2025, 1, 1)
    )
    make_reported_outcome(participant=participant, os_months=months, os_event=True)
    measured_on = None if day is None else datetime.date(2025, 1, 1) + datetime.timedelta(days=day - 1)
    assay = db.session.scalar(db.select(Assay)) or make_assay(name="ctDNA", positive_cutoff=1)
    make_measurement(
        assay=assay, participant=participant, value=value, timepoint=timepoint, measured_on=measured_on
    )


def test_a_marker_on_treatment_is_compared_from_its_landmark(app):
    """Of five: one died before day 30, one was measured after it, one at baseline only; two are compared."""
    on_treatment(20, 5, 10)
    on_treatment(30, 0, 12)
    on_treatment(15, 5, 0.9)
    on_treatment(31, 5, 12)
    on_treatment(-3, 5, 12, Timepoint.BASELINE)
    asked = [("by", "marker"), ("marker", "ctDNA"), ("endpoint", "os"), ("timepoint", "on treatment")]
    result = run_report("survival", [*asked, ("landmark", "30")])
    rows = {row["marker"]: (row["n"], row["median"]) for row in result.tables[0].rows}
    assert rows["positive"] == (1, pytest.approx(10 - 30 / 30.4375))
    assert rows["negative"] == (1, pytest.approx(12 - 30 / 30.4375))
    assert rows["missing"][0] == 2
    assert any("came before: 1" in str(note) for note in result.tables[0].notes)
    assert result.parameters["landmark"] == 30
    assert "begins on day 30" in " ".join(map(str, result.figures[0].caption)) if result.figures else True


@pytest.mark.parametrize(
    "more, message",
    [
        ([("timepoint", "on treatment")], "needs a landmark"),
        ([("landmark", "30")], "only with timepoint"),
        ([("timepoint", "on treatment"), ("landmark", "0")], "landmark"),
        ([("timepoint", "on treatment"), ("landmark", "30"), ("endpoint", "dor")], "has no landmark"),
    ],
)
def test_a_landmark_belongs_to_a_marker_on_treatment(app, more, message):
    make_assay(name="ctDNA", positive_cutoff=1)
    with pytest.raises(Refusal, match=message):
        tables(("marker", "ctDNA"), *more)
