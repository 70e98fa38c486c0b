"""Baseline characteristics of participants that no outcome needs, but that may explain one."""

import datetime

import pandas as pd
import sqlalchemy as sa

from tracker.models import Cohort, Lesion, Participant, Specimen
from tracker.reads.base import frame
from tracker.terms.biomarker import Timepoint
from tracker.terms.response import LesionRole, Organ
from tracker.terms.specimen import AnatomicPlace, SpecimenType

#: Lesions that were there at baseline.
_AT_BASELINE = [LesionRole.TARGET, LesionRole.NON_TARGET]

_TISSUES = [kind for kind in SpecimenType if kind.is_tissue]


def characteristics_frame(participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
    """One row a participant, by participant_id. CDISC: ADSL.

    participant_id, trial_id, ecog, stage, prior_immunotherapy: as stored,
    is_selected: enrolled in a cohort that a biomarker selects for; missing without a cohort,
    liver: whether a lesion of the liver was there at baseline; missing where no lesion with its organ is recorded,
    biopsied: primary, or metastasis with its organ where that is told, of the latest baseline tissue; missing
    without one.
    """
    found = frame(
        sa.select(
            Participant.id.label("participant_id"),
            Participant.trial_id,
            Participant.ecog,
            Participant.stage,
            Participant.prior_immunotherapy,
            Cohort.id.label("cohort_id"),
            Cohort.biomarker_selection,
        )
        .outerjoin(Participant.cohort)
        .where(participants)
        .order_by(Participant.id)
    )
    selected = found["biomarker_selection"].notna().astype("boolean")
    found["is_selected"] = selected.where(found["cohort_id"].notna())
    ids = found["participant_id"]
    found["liver"] = ids.map(_liver(participants)).astype("boolean")
    found["biopsied"] = ids.map(_biopsied(participants, as_of)).astype("str")
    return found.drop(columns=["cohort_id", "biomarker_selection"])


def _liver(participants) -> pd.Series:
    lesions = frame(
        sa.select(Lesion.participant_id, Lesion.organ)
        .join(Lesion.participant)
        .where(participants, Lesion.role.in_(_AT_BASELINE), Lesion.organ.is_not(None))
    )
    return (lesions["organ"] == Organ.LIVER.value).groupby(lesions["participant_id"]).any()


def _biopsied(participants, as_of) -> pd.Series:
    specimens = frame(
        sa.select(
            Specimen.id,
            Specimen.participant_id,
            Specimen.anatomic_place,
            Specimen.location,
            Specimen.collected_on,
            Participant.undated,
        )
        .join(Specimen.participant)
        .where(
            participants,
            Specimen.timepoint == Timepoint.BASELINE,
            Specimen.type.in_(_TISSUES),
            Specimen.anatomic_place.is_not(None),
            Participant.consents_to_sample_research.is_not(False),
        )
    )
    later = ~specimens["undated"].astype(bool) & (specimens["collected_on"] > pd.Timestamp(as_of))
    latest = specimens[~later].sort_values(["collected_on", "id"], na_position="first")
    latest = latest.drop_duplicates("participant_id", keep="last").set_index("participant_id")
    is_metastasis = latest["anatomic_place"] == AnatomicPlace.METASTASIS.value
    place = AnatomicPlace.METASTASIS.value + (", " + latest["location"]).fillna("")
    return latest["anatomic_place"].mask(is_metastasis, place)
