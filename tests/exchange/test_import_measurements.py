"""What an import of measurements stores, refuses and leaves as it is."""

import datetime

import pytest
import sqlalchemy as sa

from tests import factories
from tracker.audit import because
from tracker.clock import now
from tracker.exchange.importing import import_file
from tracker.extensions import db
from tracker.models import Assay, AuditEvent, Biomarker, Measurement, Participant
from tracker.terms.biomarker import BiomarkerKind, Scale
from tracker.values import Refusal

RESEARCHER = """
[trial]
code = "CCI-1"

[participant]
code = "id"
"""

TMB = """
[[measurement]]
assay = "TMB (panel)"
value = "tmb"
biomarker = "Tumor mutational burden"
kind = "mutational burden"
scale = "continuous"
unit = "mut/Mb"
timepoint = "baseline"
"""

MAPPING = RESEARCHER + TMB


@pytest.fixture
def trial(app):
    """A trial with the undated participants P1, P2 and P3."""
    trial = factories.make_trial(code="CCI-1")
    for code in ("P1", "P2", "P3"):
        factories.make_participant(trial=trial, code=code, **UNDATED)
    return trial


UNDATED = {"undated": True, "consented_on": None, "enrolled_on": None, "first_dose_on": None}


@pytest.fixture
def load(app, tmp_path):
    """load(text of the CSV, text of the mapping) imports, as the command does."""

    def load(text, mapping=MAPPING, name="results.csv", **options):
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / "map.toml").write_text(mapping, encoding="utf-8")
        return import_file(tmp_path / name, tmp_path / "map.toml", **options)

    return load


def stored(*columns):
    names = columns or (Measurement.value, Measurement.qualifier)
    chosen = sa.select(Participant.code, *names).join(Measurement.participant).join(Measurement.assay)
    return [tuple(row) for row in db.session.execute(chosen.order_by(Participant.code, Measurement.id))]


def faults(done):
    assert not done.is_stored
    return [(row, column) for row, column in zip(done.faults["row"], done.faults["column"])]


# What is created


def test_a_file_of_results_needs_no_more_of_participants_than_their_codes(load, trial):
    done = load("id,tmb\nP1,12.5\nP2,3\nP3,\n")
    assert done.is_stored
    assert stored() == [("P1", 12.5, "="), ("P2", 3, "=")]
    assert {name: one.new for name, one in done.counts.items()} == {
        "trial": 0,
        "participant": 0,
        "biomarker": 1,
        "assay": 1,
        "measurement": 2,
    }
    assay = db.session.scalars(sa.select(Assay)).one()
    assert (assay.name, assay.scale, assay.unit) == ("TMB (panel)", "continuous", "mut/Mb")
    assert (assay.biomarker.name, assay.biomarker.kind) == ("Tumor mutational burden", "mutational burden")
    one = db.session.scalars(sa.select(Measurement)).first()
    assert (one.timepoint, one.qc_status, one.measured_on) == ("baseline", "passed", None)
    assert one.imported


def test_a_measurement_may_name_the_participants_column_itself(load, trial):
    load("who,tmb\nP1,12.5\n", '[trial]\ncode = "CCI-1"' + TMB + 'participant = "who"')
    assert stored() == [("P1", 12.5, "=")]


def test_every_measurement_assay_and_biomarker_has_its_event(load, trial):
    before = db.session.scalar(sa.select(sa.func.max(AuditEvent.id)))
    load("id,tmb\nP1,12.5\n")
    events = db.session.scalars(
        sa.select(AuditEvent).where(AuditEvent.id > before).order_by(AuditEvent.id)
    ).all()
    assert [event.record_type for event in events] == ["biomarker", "assay", "measurement"]
    assert [event.trial_id for event in events] == [None, None, trial.id]


def test_several_tables_give_several_measurements_a_row(load, trial):
    mapping = (
        MAPPING
        + """
        [[measurement]]
        assay = "MSI"
        value = { column = "msi", values = { "MSI-H" = "yes", "MSS" = "no" } }
        biomarker = "Microsatellite instability"
        kind = "microsatellite"
        scale = "binary"

        [[measurement]]
        assay = "PD-L1 class"
        value = "pdl1"
        biomarker = "PD-L1"
        kind = "protein"
        scale = "ordinal"
        timepoint = { column = "visit", values = { "1" = "baseline", "2" = "on treatment" } }
        """
    )
    load("id,tmb,msi,pdl1,visit\nP1,12,MSI-H,<1%,1\nP2,,MSS,1-49%,2\nP3,1,,,\n", mapping)
    assert stored(Assay.name, Measurement.value, Measurement.category, Measurement.timepoint) == [
        ("P1", "TMB (panel)", 12, None, "baseline"),
        ("P1", "MSI", 1, None, None),
        ("P1", "PD-L1 class", None, "<1%", "baseline"),
        ("P2", "MSI", 0, None, None),
        ("P2", "PD-L1 class", None, "1-49%", "on treatment"),
        ("P3", "TMB (panel)", 1, None, "baseline"),
    ]


def test_participants_measured_on_dates_are_dated(load, app):
    mapping = """
    [trial]
    code = "CCI-2"
    title = "Another"
    design = "observational"
    [participant]
    code = "id"
    tumor_location = { constant = "LUNG" }
    """
    done = load("id,tmb,on\nP1,1,2024-03-25\nP2,1,\n", mapping + TMB + 'measured_on = "on"')
    assert done.is_stored
    assert stored(Measurement.measured_on, Participant.undated) == [
        ("P1", datetime.date(2024, 3, 25), False),
        ("P2", None, True),
    ]


# Assays


@pytest.mark.parametrize("key", ["biomarker", "kind", "scale"])
def test_a_new_assay_must_say_its_biomarker_kind_and_scale(load, trial, key):
    table = "\n".join(line for line in TMB.splitlines() if not line.startswith(key))
    with pytest.raises(Refusal, match=rf"^\[\[measurement\]\] {key}: .*new"):
        load("id,tmb\nP1,12.5\n", RESEARCHER + table)


def test_of_an_assay_that_exists_the_name_suffices(load, trial):
    factories.make_assay(name="TMB (panel)", unit="mut/Mb")
    table = '[[measurement]]\nassay = "TMB (panel)"\nvalue = "tmb"\n'
    done = load("id,tmb\nP1,12.5\n", RESEARCHER + table)
    assert stored() == [("P1", 12.5, "=")]
    assert (done.counts["assay"].new, done.counts["assay"].unchanged) == (0, 1)


def test_a_new_assay_of_a_biomarker_that_exists_need_not_say_its_kind(load, trial):
    burden = factories.make_biomarker(name="Tumor mutational burden")
    load("id,tmb\nP1,12.5\n", MAPPING.replace('kind = "mutational burden"', ""))
    assert db.session.scalars(sa.select(Assay)).one().biomarker_id == burden.id


@pytest.mark.parametrize("unit", ["mut/exome", None])
def test_a_measurement_in_another_unit_than_the_assays_is_refused(load, trial, unit):
    burden = factories.make_biomarker(name="Tumor mutational burden")
    factories.make_assay(name="TMB (panel)", biomarker=burden, unit=unit)
    with pytest.raises(
        Refusal, match=r"\[\[measurement\]\] unit: measurement in another unit than the assay"
    ):
        load("id,tmb\nP1,12.5\n")
    assert stored() == []


@pytest.mark.parametrize(
    "given, key",
    [
        ({"scale": Scale.BINARY}, "scale"),
        ({"positive_cutoff": 5}, "positive_cutoff"),
        ({"biomarker": "Another"}, "biomarker"),
        ({"kind": BiomarkerKind.SIGNATURE}, "kind"),
    ],
)
def test_what_a_mapping_says_of_an_assay_must_be_what_is_stored(load, trial, given, key):
    burden = factories.make_biomarker(
        name=given.pop("biomarker", "Tumor mutational burden"),
        kind=given.pop("kind", BiomarkerKind.MUTATIONAL_BURDEN),
    )
    factories.make_assay(name="TMB (panel)", biomarker=burden, **{"positive_cutoff": 10} | given)
    with pytest.raises(Refusal, match=rf"\[\[measurement\]\] {key}: .*TMB"):
        load("id,tmb\nP1,1\n", MAPPING + "positive_cutoff = 10")


def test_tables_of_one_assay_say_the_same_of_it(load, trial):
    other = TMB.replace("mut/Mb", "mut/exome").replace('"baseline"', '"on treatment"')
    with pytest.raises(Refusal, match=r"\[\[measurement\]\] 2 unit"):
        load("id,tmb\nP1,1\n", MAPPING + other)


def test_a_withdrawn_assay_is_refused(load, trial):
    load("id,tmb\nP1,1\n")
    withdraw(db.session.scalars(sa.select(Assay)).one())
    with pytest.raises(Refusal, match="withdrawn"):
        load("id,tmb\nP1,1\n")


def test_the_checks_of_assays_apply(load, trial):
    mapping = MAPPING.replace('"continuous"', '"binary"') + "positive_cutoff = 1"
    done = load("id,tmb\nP1,1\n", mapping)
    assert faults(done) == [(None, None)]
    assert "[[measurement]] TMB (panel), positive_cutoff" in done.faults["message"].item()


# Values


def test_a_bound_is_read_from_the_text(load, trial):
    load("id,tmb\nP1,<5\nP2,> 100\nP3,-0.5\n")
    assert stored() == [("P1", 5, "<"), ("P2", 100, ">"), ("P3", -0.5, "=")]


def test_a_bound_may_have_its_column(load, trial):
    mapping = MAPPING + 'qualifier = "sign"'
    done = load("id,tmb,sign\nP1,<5,<\nP2,5,~\n", mapping)
    assert faults(done) == [(2, "tmb"), (3, "sign")]
    load("id,tmb,sign\nP1,5,<\nP2,6,=\nP3,7,\n", mapping)
    assert stored() == [("P1", 5, "<"), ("P2", 6, "="), ("P3", 7, "=")]


def test_a_decimal_comma_is_read_in_bounds_too(load, trial):
    load("id;tmb\nP1;<0,5\n", '[source]\ndelimiter = ";"\ndecimal = ","' + MAPPING)
    assert stored() == [("P1", 0.5, "<")]


def test_what_is_no_number_or_beyond_what_the_assay_can_give_is_faulty(load, trial):
    burden = factories.make_biomarker(name="Tumor mutational burden")
    factories.make_assay(name="TMB (panel)", biomarker=burden, lower_limit=0.5, upper_limit=100)
    text = "id,tmb\nP1,high\nP2,0.1\nP3,101\nP1,\n"
    assert faults(load(text)) == [(2, "tmb"), (3, "tmb"), (4, "tmb")]


def test_a_percentage_lies_from_0_to_100(load, trial):
    done = load("id,tmb\nP1,101\nP2,100\n", MAPPING.replace("mut/Mb", "%"))
    assert faults(done) == [(2, "tmb")]


def test_a_binary_assay_gives_yes_or_no(load, trial):
    mapping = MAPPING.replace('"continuous"', '"binary"')
    assert faults(load("id,tmb\nP1,2\nP2,1.0\n", mapping)) == [(2, "tmb")]
    load("id,tmb\nP1,no\nP2,1.0\nP3,yes\n", mapping)
    assert stored(Measurement.value) == [("P1", 0), ("P2", 1), ("P3", 1)]


def test_a_cell_that_the_mapping_does_not_know_is_reported_once(load, trial):
    mapping = MAPPING.replace('value = "tmb"', 'value = { column = "tmb", values = { "low" = "1" } }')
    assert faults(load("id,tmb\nP1,low\nP2,high\n", mapping)) == [(3, "tmb")]


def test_an_unknown_participant_is_faulty(load, trial):
    mapping = '[trial]\ncode = "CCI-1"' + TMB + 'participant = "who"'
    assert faults(load("who,tmb\nP1,1\nP9,1\nP8,\n", mapping)) == [(3, "who")]


# Time


def test_days_are_study_days_of_the_undated(load, trial):
    mapping = MAPPING + 'measured_day = "day"'
    load("id,tmb,day\nP1,1,-7\nP2,2,15\nP2,3,43\n", mapping)
    assert stored(Measurement.measured_on) == [
        ("P1", datetime.date(1999, 12, 25)),
        ("P2", datetime.date(2000, 1, 15)),
        ("P2", datetime.date(2000, 2, 12)),
    ]
    done = load("id,tmb,day\nP2,4,43\n", mapping)
    assert done.differences["record"].item() == "P2, TMB (panel), baseline, day 43"


def test_a_column_of_days_may_be_empty(load, trial):
    mapping = MAPPING + 'measured_day = "day"'
    load("id,tmb,day\nP1,1,\nP2,2,\n", mapping)
    done = load("id,tmb,day\nP1,1,\nP2,2,\n", mapping)
    assert done.counts["measurement"].unchanged == 2


def test_dates_are_not_mixed_with_study_days(load, trial):
    factories.make_participant(trial=trial, code="D1")
    done = load("id,tmb,on\nP1,1,2024-03-25\nP2,1,\n", MAPPING + 'measured_on = "on"')
    assert faults(done) == [(2, "on")]
    done = load("id,tmb,day\nP1,1,3\nD1,1,3\n", MAPPING + 'measured_day = "day"')
    assert faults(done) == [(3, "day")]


def test_nobody_is_measured_after_death_or_in_the_future(load, trial):
    factories.make_participant(trial=trial, code="D1", died_on=datetime.date(2024, 3, 25))
    factories.make_participant(trial=trial, code="D2")
    done = load(
        "id,tmb,on\nD1,1,2024-03-25\nD1,1,2024-03-26\nD2,1,2100-01-01\n", MAPPING + 'measured_on = "on"'
    )
    assert faults(done) == [(3, "on"), (4, "on")]


# The same again


def test_the_same_results_twice_add_nothing(load, trial):
    text = "id,tmb\nP1,<5\nP2,3\n"
    load(text)
    events = db.session.scalar(sa.select(sa.func.count(AuditEvent.id)))
    done = load(text)
    assert (done.counts["measurement"].new, done.counts["measurement"].unchanged) == (0, 2)
    assert done.differences.empty
    assert db.session.scalar(sa.select(sa.func.count(AuditEvent.id))) == events


def test_another_value_is_listed_and_changed_only_by_an_update_with_its_reason(load, trial):
    load("id,tmb\nP1,12\nP2,3\n")
    done = load("id,tmb\nP1,<13\nP2,3\n")
    assert done.differences.to_dict("records") == [
        {
            "section": "measurement",
            "row": 2,
            "record": "P1, TMB (panel), baseline",
            "field": field,
            "stored": before,
            "new": after,
        }
        for field, before, after in [("value", "12", "13"), ("qualifier", "=", "<")]
    ]
    assert stored() == [("P1", 12, "="), ("P2", 3, "=")]
    done = load("id,tmb\nP1,<13\nP2,3\n", update=True, reason="repeated by the laboratory")
    assert (done.counts["measurement"].changed, done.counts["measurement"].unchanged) == (1, 1)
    assert stored() == [("P1", 13, "<"), ("P2", 3, "=")]
    event = db.session.scalars(sa.select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert (event.reason, event.changes["value"]) == ("repeated by the laboratory", [12, 13])


def test_another_timepoint_or_day_is_another_measurement(load, trial):
    load("id,tmb\nP1,12\n")
    load("id,tmb\nP1,13\n", MAPPING.replace('"baseline"', '"progression"'))
    load("id,tmb,day\nP1,14,1\n", MAPPING + 'measured_day = "day"')
    assert stored(Measurement.value) == [("P1", 12), ("P1", 13), ("P1", 14)]


def test_a_row_that_repeats_a_measurement_otherwise_names_both_rows(load, trial):
    done = load("id,tmb\nP1,12\nP2,1\nP1,12.0\nP1,13\n")
    assert faults(done) == [(5, "tmb")]
    assert "row 2" in done.faults["message"].item()


def test_tables_that_repeat_a_measurement_must_agree(load, trial):
    mapping = MAPPING + '[[measurement]]\nassay = "TMB (panel)"\nvalue = "again"\ntimepoint = "baseline"'
    done = load("id,tmb,again\nP1,12,12\nP2,3,4\n", mapping)
    assert faults(done) == [(3, "again")]
    assert "[[measurement]] 1" in done.faults["message"].item()
    done = load("id,tmb,again\nP1,12,12\nP2,,4\n", mapping)
    assert done.counts["measurement"].new == 2
    done = load("id,tmb,again\nP1,12,12\nP2,,4\n", mapping)
    assert (done.counts["measurement"].new, done.counts["measurement"].unchanged) == (0, 2)


def withdraw(record):
    record.withdrawn_at = now()
    with because("entered by mistake"):
        db.session.commit()


def test_a_withdrawn_measurement_is_not_stored_again(load, trial):
    load("id,tmb\nP1,12\n")
    withdraw(db.session.scalars(sa.select(Measurement)).one())
    assert faults(load("id,tmb\nP1,12\nP2,1\n")) == [(2, "tmb")]


def test_a_measurement_entered_anew_after_a_withdrawal_is_the_one_compared(load, trial):
    load("id,tmb\nP1,12\n")
    first = db.session.scalars(sa.select(Measurement)).one()
    withdraw(first)
    factories.make_measurement(assay=first.assay, participant=first.participant, value=13)
    done = load("id,tmb\nP1,13\n")
    assert done.counts["measurement"].unchanged == 1


def test_a_dry_run_or_a_fault_leaves_no_assay_behind(load, trial):
    load("id,tmb\nP1,12\n", dry_run=True)
    load("id,tmb\nP1,x\n")
    assert db.session.scalar(sa.select(sa.func.count(Assay.id))) == 0
    assert db.session.scalar(sa.select(sa.func.count(Biomarker.id))) == 0
