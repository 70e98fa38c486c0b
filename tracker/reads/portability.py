"""Where markers were tested: findings and measured participants by tumor location."""

import datetime

import pandas as pd
import sqlalchemy as sa

from tracker import clock
from tracker.extensions import db
from tracker.models import Assay, Biomarker, Finding, FindingReview, Measurement, Participant, Regimen, Trial
from tracker.reads.base import beside, frame, of_no_trial
from tracker.terms.evidence import FindingStatus


@of_no_trial
def biomarkers_frame(_everything, _as_of: datetime.date) -> pd.DataFrame:
    """One row a biomarker, by name: biomarker_id, biomarker."""
    found = sa.select(Biomarker.id.label("biomarker_id"), Biomarker.name.label("biomarker"))
    return frame(found.order_by(Biomarker.name, Biomarker.id))


def biomarker_names() -> list[str]:
    return list(db.session.scalars(sa.select(Biomarker.name).order_by(Biomarker.name)))


def measured_frame(participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
    """One row a participant and biomarker of which a value is stored, of a day up to as_of or of none. CDISC: BS, LB.

    participant_id, trial_id, biomarker_id.
    """
    day = Measurement.measured_on
    return frame(
        sa.select(Measurement.participant_id, Participant.trial_id, Assay.biomarker_id)
        .distinct()
        .join(Measurement.participant)
        .join(Measurement.assay)
        .where(participants, sa.or_(day.is_(None), Participant.undated, day <= as_of))
        .order_by(Measurement.participant_id, Assay.biomarker_id)
    )


@beside
def findings_frame(_everything, as_of: datetime.date) -> pd.DataFrame:
    """One row a finding that the reader sees and that was entered by the day as_of, by number.

    finding_id, trial_id and trial (missing where it is about none), biomarker_id, biomarker, tumor_location (missing:
    all), claim, endpoint, direction, higher_means, regimen, source,
    status: a decision that was made later than as_of is not known yet, and the finding counts as submitted.
    """
    statement = (
        sa.select(
            Finding.id.label("finding_id"),
            Finding.trial_id,
            Trial.code.label("trial"),
            Finding.biomarker_id,
            Biomarker.name.label("biomarker"),
            Finding.tumor_location,
            Finding.claim,
            Finding.endpoint,
            Finding.direction,
            Finding.higher_means,
            Regimen.name.label("regimen"),
            Finding.source,
            Finding.status,
        )
        .join(Finding.biomarker)
        .outerjoin(Finding.trial)
        .outerjoin(Finding.regimen)
        .order_by(Finding.id)
    )
    if as_of >= clock.today():
        return frame(statement)
    end = datetime.datetime.combine(as_of, datetime.time.max, datetime.UTC)
    found = frame(statement.where(Finding.created_at <= end))
    later = sa.select(FindingReview.finding_id).where(FindingReview.created_at > end)
    undecided = found["finding_id"].isin(list(db.session.scalars(later)))
    found["status"] = found["status"].mask(undecided, FindingStatus.SUBMITTED.value)
    return found
