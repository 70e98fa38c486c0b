"""Baseline characteristics and the baseline values of every assay."""

import datetime

from tests.factories import (
    make_assay,
    make_cohort,
    make_lesion,
    make_measurement,
    make_participant,
    make_specimen,
    make_trial,
)
from tracker.models import Participant
from tracker.reads.base import in_scope
from tracker.reads.biomarker import assays_frame, baseline_values_frame
from tracker.reads.characteristics import characteristics_frame
from tracker.terms.biomarker import QcStatus, Scale, Timepoint
from tracker.terms.response import LesionRole, Organ
from tracker.terms.specimen import AnatomicPlace, SpecimenType

TODAY = datetime.date(2026, 1, 1)
EVERYBODY = Participant.id > 0


def test_what_was_there_at_baseline_is_told_and_the_rest_is_not_known(app):
    trial = make_trial()
    cohort = make_cohort(trial=trial, biomarker_selection="CPS at least 10")
    told = make_participant(trial=trial, cohort=cohort, ecog=0, prior_immunotherapy=True)
    silent = make_participant(trial=trial, ecog=None)
    make_lesion(participant=told, organ=Organ.LIVER)
    later = make_participant(trial=trial, cohort=make_cohort(trial=trial))
    make_lesion(participant=later, organ=Organ.LIVER, role=LesionRole.NEW_MEASURED)
    make_lesion(participant=later, organ=Organ.LUNG)
    tissue = {"type": SpecimenType.FIXED_TISSUE, "timepoint": Timepoint.BASELINE}
    make_specimen(
        participant=told,
        anatomic_place=AnatomicPlace.PRIMARY,
        collected_on=datetime.date(2023, 5, 1),
        **tissue,
    )
    make_specimen(
        participant=told,
        anatomic_place=AnatomicPlace.METASTASIS,
        location=Organ.LIVER,
        collected_on=datetime.date(2024, 1, 9),
        **tissue,
    )
    rows = characteristics_frame(EVERYBODY, TODAY).astype(object)
    rows = rows.where(rows.notna(), None).set_index("participant_id").to_dict("index")
    known = ("ecog", "prior_immunotherapy", "is_selected", "liver", "biopsied")
    assert [rows[told.id][name] for name in known] == [0, True, True, True, "metastasis, liver"]
    assert [rows[silent.id][name] for name in known] == [None] * 5
    assert (rows[later.id]["is_selected"], rows[later.id]["liver"]) == (False, False)
    before = characteristics_frame(EVERYBODY, datetime.date(2024, 1, 8)).set_index("participant_id")
    assert before.loc[told.id, "biopsied"] == "primary"


def test_every_assay_has_its_latest_baseline_value(app):
    participant = make_participant()
    first, second = make_assay(name="A", positive_cutoff=10), make_assay(name="B", scale=Scale.BINARY)
    for day, value in ((9, 3), (10, 4), (20, 5)):
        make_measurement(
            participant=participant,
            assay=first,
            value=value,
            timepoint=None,
            measured_on=datetime.date(2024, 1, day),
        )
    make_measurement(participant=participant, assay=second, value=1)
    make_measurement(participant=participant, assay=second, value=0, qc_status=QcStatus.FAILED)
    rows = baseline_values_frame(EVERYBODY, TODAY)
    assert rows[["assay_id", "value"]].sort_values("assay_id").to_numpy().tolist() == [
        [first.id, 4],
        [second.id, 1],
    ]
    assays = in_scope(assays_frame, TODAY)
    assert assays[["assay", "positive_cutoff"]].to_numpy().tolist() == [["A", 10], ["B", 1]]
