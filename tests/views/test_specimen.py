"""Specimens, and what is measured in them, by hand."""

import datetime
import re

import pytest
import sqlalchemy as sa

from tests.factories import (
    make_assay,
    make_biomarker,
    make_measurement,
    make_participant,
    make_reported_outcome,
    make_specimen,
    make_trial,
)
from tracker.extensions import db
from tracker.models import Measurement, Query, Specimen
from tracker.roles import Role

SPECIMEN = dict(barcode="B-1", type="fixed tissue", timepoint="baseline", collected_on="2024-01-09")


@pytest.fixture
def participant(app):
    return make_participant(trial=make_trial(), died_on=None)


@pytest.fixture
def researcher(sign_in, participant):
    return sign_in(Role.RESEARCHER, [participant.trial])


def new(participant):
    return f"/specimens/new?participant={participant.id}"


def test_a_specimen_is_entered_and_stands_with_its_participant(researcher, participant):
    answer = researcher.submit(
        new(participant), **SPECIMEN, anatomic_place="metastasis", location="liver", follow_redirects=True
    )
    assert "B-1 is stored." in answer.text
    page = researcher.get(f"/participants/{participant.id}").text
    assert "Metastasis, Liver" in page
    assert "fixed in formalin" in page.partition('id="timeline"')[2].partition("</svg>")[0]
    assert "B-1" in researcher.get("/search?q=b-1").text


@pytest.mark.parametrize(
    "typed, field",
    [
        (dict(collected_on=""), "collected_on"),
        (dict(collected_on="2099-01-01"), "collected_on"),
        (dict(tumor_content_percent="101"), "tumor_content_percent"),
        (dict(type="plasma", collected_on="2024-01-02"), "reason"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(researcher, participant, refused, typed, field):
    refused(researcher, new(participant), field=field, **SPECIMEN | typed)


def test_a_barcode_is_taken_once_also_by_a_specimen_of_a_trial_that_one_does_not_see(
    researcher, participant, refused
):
    make_specimen(barcode="B-1")
    refused(researcher, new(participant), field="barcode", **SPECIMEN)


def test_of_an_undated_participant_the_day_is_a_study_day_or_not_known(researcher, participant):
    undated = make_participant(
        trial=participant.trial, undated=True, consented_on=None, enrolled_on=None, first_dose_on=None
    )
    researcher.submit(new(undated), **SPECIMEN | dict(collected_on="-3"))
    researcher.submit(new(undated), **SPECIMEN | dict(barcode="B-2", collected_on=""))
    page = researcher.get("/specimens/").text
    assert "day -3" in page
    assert "B-2" in page
    assert "1999" not in page


def test_a_query_asks_about_a_baseline_specimen_that_was_taken_late(researcher, participant):
    researcher.submit(new(participant), **SPECIMEN | dict(collected_on="2024-03-01"))
    query = db.session.scalar(sa.select(Query).where(Query.rule == "baseline_after_the_first_dose"))
    assert (query.record_type, query.participant_id) == ("specimen", participant.id)


# Consent


@pytest.mark.parametrize(
    "consent", [dict(consents_to_sample_research=False), dict(research_consent_withdrawn_on="2024-05-01")]
)
def test_specimens_without_consent_to_research_are_flagged_wherever_they_stand(sign_in, consent):
    consent = {
        name: datetime.date.fromisoformat(value) if isinstance(value, str) else value
        for name, value in consent.items()
    }
    participant = make_participant(**consent)
    specimen = make_specimen(participant=participant)
    measured = make_measurement(participant=participant, specimen=specimen)
    browser = sign_in(Role.MONITOR, [participant.trial])
    for address in (
        f"/specimens/{specimen.id}", "/specimens/", f"/participants/{participant.id}", "/measurements/",
        f"/measurements/{measured.id}", f"/search?q={specimen.barcode}",
    ):  # fmt: skip
        assert "not for research" in browser.get(address).text.lower(), address


def test_what_is_measured_without_consent_to_research_on_samples_is_in_no_report(researcher, participant):
    assay = make_assay(positive_cutoff=10)
    for agrees in (None, True, False):
        one = make_participant(trial=participant.trial, consents_to_sample_research=agrees)
        make_measurement(participant=one, assay=assay, specimen=make_specimen(participant=one), value=12)
        make_reported_outcome(participant=one)
    one = make_participant(trial=participant.trial, consents_to_sample_research=False)
    make_measurement(participant=one, assay=assay, value=12)  # of the clinic, in no specimen of research
    answer = researcher.get(f"/reports/outcomes.json?by=marker&marker={assay.name}")
    rows = {row["marker"]: row["n"] for row in answer.json["tables"][0]["rows"]}
    assert rows == {"positive": 3, "missing": 2}


def test_a_report_says_which_assays_are_not_pooled_with_the_markers(researcher, participant):
    marker = make_biomarker(name="PD-L1")
    for name, group in (
        ("22C3 CPS", "CPS"),
        ("22C3 CPS, elsewhere", "CPS"),
        ("SP142 IC", "IC"),
        ("own", None),
    ):
        make_assay(biomarker=marker, name=name, pool_group=group, positive_cutoff=10)
    make_measurement(participant=participant, assay=marker.assays[0])
    make_reported_outcome(participant=participant)
    page = researcher.get("/reports/outcomes?by=marker&marker=22C3 CPS").text
    assert "Measured by 22C3 CPS alone. Not pooled with it: SP142 IC, own; assays of different" in page


# Measurements


def measure(participant, specimen=None):
    more = f"&specimen={specimen.id}" if specimen else ""
    return f"/measurements/new?participant={participant.id}{more}"


def stored():
    db.session.rollback()
    return db.session.scalars(sa.select(Measurement)).one()


def test_a_measurement_in_a_specimen_is_of_its_timepoint(researcher, participant):
    specimen, assay = make_specimen(participant=participant), make_assay()
    assert f'value="{specimen.id}" selected' in researcher.get(measure(participant, specimen)).text
    researcher.submit(
        measure(participant, specimen), specimen=str(specimen.id), assay=str(assay.id), value="4"
    )
    assert (stored().specimen, stored().timepoint.value) == (specimen, "baseline")
    assert assay.name in researcher.get(f"/specimens/{specimen.id}").text


def test_the_specimen_of_another_participant_is_not_there(researcher, participant):
    other = make_specimen(participant=make_participant(trial=participant.trial))
    answer = researcher.submit(
        measure(participant), specimen=str(other.id), assay=str(make_assay().id), value="4"
    )
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "typed, value, qualifier, shown",
    [("<1", 1, "<", "&lt;1"), ("> 100", 100, ">", "&gt;100"), ("7.5", 7.5, "=", "7.5")],
)
def test_a_value_beyond_a_limit_keeps_its_sign(researcher, participant, typed, value, qualifier, shown):
    assay = make_assay(lower_limit=1, upper_limit=100)
    researcher.submit(measure(participant), assay=str(assay.id), value=typed)
    found = stored()
    assert (found.value, found.qualifier.value) == (value, qualifier)
    for address in ("/measurements/", f"/measurements/{found.id}", f"/participants/{participant.id}"):
        assert re.search(rf">\s*{re.escape(shown)}\s*<", researcher.get(address).text), address
    edit = researcher.get(f"/measurements/{found.id}/edit").text
    assert f'value="{shown.replace(" ", "")}"' in edit
    researcher.submit(f"/measurements/{found.id}/edit", value="50", reason="read again")
    assert (stored().value, stored().qualifier.value) == (50, "=")


@pytest.mark.parametrize(
    "typed, says",
    [
        ("0.5", "write &lt;1."),
        ("120", "write &gt;100."),
        ("<", "Write the limit after the sign"),
        ("<low", "Write a number"),
    ],
)
def test_what_lies_beyond_the_limits_without_a_sign_says_how_to_write_it(
    researcher, participant, refused, typed, says
):
    assay = make_assay(lower_limit=1, upper_limit=100)
    answer = refused(researcher, measure(participant), field="value", assay=str(assay.id), value=typed)
    assert says in answer.text


def test_a_specimen_that_was_measured_is_not_withdrawn(researcher, participant):
    specimen = make_specimen(participant=participant)
    make_measurement(participant=participant, specimen=specimen)
    page = researcher.get(f"/specimens/{specimen.id}/withdraw")
    assert "Measurements: 1" in page.text
    assert db.session.scalar(sa.select(Specimen.id)) == specimen.id
