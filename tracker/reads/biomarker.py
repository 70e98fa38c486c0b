"""What is read of specimens and measurements."""

import datetime
import functools
from typing import NamedTuple

import numpy as np
import pandas as pd
import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy import orm

from tracker.extensions import db
from tracker.models import Arm, Assay, Biomarker, Measurement, Participant, Specimen, Trial
from tracker.reads.base import Read, frame, in_scope, of_no_trial
from tracker.reads.participant import day_of_first_dose, started_on
from tracker.stats.association import tied_at_limits
from tracker.terms.biomarker import MarkerStatus, QcStatus, Qualifier, Scale, Timepoint
from tracker.values import Refusal

#: Assays of one biomarker that are compared.
MOST_ASSAYS = 8


_MEASUREMENTS = (
    sa.select(Measurement)
    .join(Measurement.assay)
    .options(orm.contains_eager(Measurement.assay), orm.joinedload(Measurement.specimen))
    .where(Measurement.participant_id == sa.bindparam("participant_id"))
    .order_by(Assay.name, Measurement.measured_on.nulls_last(), Measurement.id)
)


def measurements_of(participant: Participant) -> list[Measurement]:
    """The participant's measurements with their assays, by assay and then by day."""
    return list(db.session.scalars(_MEASUREMENTS, {"participant_id": participant.id}))


def measurements_in(specimen: Specimen) -> list[Measurement]:
    """What was measured in a specimen, with the assays, by assay."""
    statement = (
        sa.select(Measurement)
        .join(Measurement.assay)
        .options(orm.contains_eager(Measurement.assay))
        .where(Measurement.specimen_id == specimen.id)
        .order_by(Assay.name, Measurement.id)
    )
    return list(db.session.scalars(statement))


def assay_names() -> list[str]:
    return list(db.session.scalars(sa.select(Assay.name).order_by(Assay.name, Assay.id)))


def assay_cutoffs() -> list[tuple[str, float]]:
    """Name and cutoff of each assay that has one of its own."""
    statement = sa.select(Assay.name, Assay.positive_cutoff).where(Assay.positive_cutoff.is_not(None))
    return [tuple(row) for row in db.session.execute(statement.order_by(Assay.name, Assay.id))]


def assigning_assays_frame(_participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
    """One row an arm that a marker assigns participants to, and each assay of that marker. CDISC: TA.

    trial_id, trial, arm (TRIAL/ARM), masked (whether the arm is hidden until its trial's results are released), assay.
    """
    arms = db.session.execute(
        sa.select(Arm, Trial, Assay.biomarker_id)
        .join(Arm.trial)
        .join(Arm.assigning_assay)
        .order_by(Trial.code, Arm.code)
    ).all()
    markers = {biomarker for _arm, _trial, biomarker in arms}
    chosen = sa.select(Assay.biomarker_id, Assay.name).where(Assay.biomarker_id.in_(markers))
    assays = db.session.execute(chosen.order_by(Assay.name)).all() if markers else []
    rows = [
        (arm, trial, name) for arm, trial, marker in arms for biomarker, name in assays if biomarker == marker
    ]
    columns = {
        "trial_id": pd.Series([trial.id for _arm, trial, _assay in rows], dtype="int64"),
        "trial": pd.Series([trial.code for _arm, trial, _assay in rows], dtype="str"),
        "arm": pd.Series([f"{trial.code}/{arm.code}" for arm, trial, _assay in rows], dtype="str"),
        "masked": pd.Series([trial.hides_arms for _arm, trial, _assay in rows], dtype="bool"),
        "assay": pd.Series([assay for _arm, _trial, assay in rows], dtype="str"),
    }
    return pd.DataFrame(columns)


def may_be_used() -> sa.ColumnElement:
    """That a measurement may be used for research: in no specimen, or in one of a participant who agrees to that.

    Of Measurement joined to its participant. Who has withdrawn consent to research is left out of reports as a whole.
    """
    return sa.or_(Measurement.specimen_id.is_(None), Participant.consents_to_sample_research.is_not(False))


@functools.lru_cache(maxsize=1000)
def marker_frame(assay_id: int, landmark_days: int | None = None) -> Read:
    """How the marker of participants by this assay is read: one row a participant who has such a value.

    The value is the latest that passed quality control and is of timepoint baseline, or was measured on or before
    the first dose, or on no known day. With a landmark, a number of days from time zero, it is the latest of those on
    treatment that were measured up to then, or on no known day. What was measured in a specimen counts only while its
    participant consents to research on samples. Columns: participant_id, trial_id, value (of an ordinal assay the
    number with which its category begins), qualifier.
    """

    def read(participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
        condition = sa.and_(participants, Measurement.assay_id == assay_id)
        return _values(condition, as_of, landmark_days).drop(columns="assay_id")

    return read


def baseline_values_frame(participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
    """One row a participant and assay, of every assay: as `marker_frame`, with assay_id. CDISC: ADSL."""
    return _values(participants, as_of)


def _values(condition, as_of, landmark_days=None) -> pd.DataFrame:
    """The value of each participant and assay, among the measurements that meet the condition."""
    found = frame(
        sa.select(
            Measurement.id,
            Measurement.participant_id,
            Measurement.assay_id,
            Participant.trial_id,
            Participant.undated,
            Participant.first_dose_on,
            Participant.enrolled_on,
            Trial.is_randomised.label("randomised"),
            Measurement.value,
            Measurement.category,
            Measurement.qualifier,
            Measurement.timepoint,
            Measurement.measured_on,
        )
        .join(Measurement.participant)
        .join(Participant.trial)
        .where(condition, Measurement.qc_status == QcStatus.PASSED, may_be_used())
    )
    day = found["measured_on"]
    known = day.isna() | found["undated"].astype(bool) | (day <= pd.Timestamp(as_of))
    is_asked = _at_baseline(found) if landmark_days is None else _on_treatment(found, landmark_days)
    found = found[known & is_asked].sort_values(["measured_on", "id"], na_position="first")
    found = found.drop_duplicates(["participant_id", "assay_id"], keep="last").reset_index(drop=True)
    steps = pd.to_numeric(found["category"].str.extract(r"^\s*([0-9]+(?:\.[0-9]+)?)", expand=False))
    found["value"] = found["value"].fillna(steps.astype("float64"))
    return found[["participant_id", "trial_id", "assay_id", "value", "qualifier"]]


@of_no_trial
def assays_frame(_everything, _as_of: datetime.date) -> pd.DataFrame:
    """One row an assay, by name.

    assay_id, assay (its name), biomarker_id, biomarker, kind (BiomarkerKind), scale, unit, positive_cutoff: of a binary
    assay 1.
    """
    found = frame(
        sa.select(
            Assay.id.label("assay_id"),
            Assay.name.label("assay"),
            Assay.biomarker_id,
            Biomarker.name.label("biomarker"),
            Biomarker.kind,
            Assay.scale,
            Assay.unit,
            Assay.positive_cutoff,
        )
        .join(Assay.biomarker)
        .order_by(Assay.name, Assay.id)
    )
    is_binary = found["scale"] == Scale.BINARY.value
    return found.assign(positive_cutoff=found["positive_cutoff"].mask(is_binary, 1.0))


def _at_baseline(found):
    day = found["measured_on"]
    before = found["timepoint"].isna() & (day.isna() | (day <= found["first_dose_on"]))
    return (found["timepoint"] == Timepoint.BASELINE.value) | before


def _on_treatment(found, landmark_days):
    day, first = found["measured_on"], day_of_first_dose(found)
    after = found["timepoint"].isna() & (day > first)
    is_later = (day - started_on(found)).dt.days + 1 > landmark_days
    return ((found["timepoint"] == Timepoint.ON_TREATMENT.value) | after) & ~is_later


class Marker(NamedTuple):
    """What participants are told apart by: an assay, and the cutoff that makes its status.

    cutoff: None where neither the reader nor the assay has one. is_given: whether it is the reader's, not the assay's.
    landmark_days: for values on treatment, up to which day from time zero they count. not_pooled: other assays of the
    biomarker, whose values must not be taken for this one's.
    """

    assay: str
    biomarker: str
    unit: str | None
    scale: Scale
    cutoff: float | None
    is_given: bool
    landmark_days: int | None = None
    not_pooled: tuple[str, ...] = ()


def with_marker(
    participants: pd.DataFrame,
    assay_name: str,
    cutoff: float | None,
    as_of,
    needs_cutoff=True,
    landmark_days: int | None = None,
) -> tuple[pd.DataFrame, Marker]:
    """The participants with columns `marker` (a MarkerStatus), `marker_value` and `marker_qualifier`, and the marker.

    Without a cutoff the status of all is missing. Raises Refusal where there is none, but there must be one.
    """
    assay = db.session.scalar(
        sa.select(Assay).options(orm.joinedload(Assay.biomarker)).where(Assay.name == assay_name)
    )
    is_given = cutoff is not None
    if not is_given:
        cutoff = 1.0 if assay.scale is Scale.BINARY else assay.positive_cutoff
    if cutoff is None and needs_cutoff:
        raise Refusal(_("cutoff: this assay has none of its own; give one."), "cutoff")
    values = in_scope(marker_frame(assay.id, landmark_days), as_of).set_index("participant_id")
    value = participants["participant_id"].map(values["value"]).astype("float64")
    qualifier = participants["participant_id"].map(values["qualifier"]).astype("str")
    marked = participants.assign(
        marker=marker_status(value, qualifier, np.nan if cutoff is None else cutoff),
        marker_value=value,
        marker_qualifier=qualifier,
    )
    marker = Marker(
        assay.name,
        assay.biomarker.name,
        assay.unit,
        assay.scale,
        cutoff,
        is_given,
        landmark_days,
        _not_pooled(assay),
    )
    return marked, marker


def _not_pooled(assay: Assay) -> tuple[str, ...]:
    """The other assays of the biomarker that are of no common pool group with this one."""
    others = sa.select(Assay.name).where(Assay.biomarker_id == assay.biomarker_id, Assay.id != assay.id)
    if assay.pool_group is not None:
        others = others.where(sa.func.coalesce(Assay.pool_group, "") != assay.pool_group)
    return tuple(db.session.scalars(others.order_by(Assay.name, Assay.id)))


def marker_status(value: pd.Series, qualifier: pd.Series, cutoff: float) -> pd.Series:
    """The MarkerStatus of each: a value that is only a bound, such as < 5, has one where the bound tells."""
    at_or_above = (value >= cutoff) & (qualifier != Qualifier.BELOW.value)
    below = ((value < cutoff) & (qualifier != Qualifier.ABOVE.value)) | (
        (value <= cutoff) & (qualifier == Qualifier.BELOW.value)
    )
    status = np.select(
        [one.fillna(False).astype(bool) for one in (at_or_above, below)],
        [MarkerStatus.POSITIVE.value, MarkerStatus.NEGATIVE.value],
        MarkerStatus.MISSING.value,
    )
    return pd.Series(status, value.index, "str")


def ordered_values(values, qualifiers) -> np.ndarray:
    """The values as far as their order is known: those beyond a limit are tied there. qualifiers: as stored."""
    qualifiers = np.asarray(qualifiers)
    return tied_at_limits(values, qualifiers == Qualifier.BELOW.value, qualifiers == Qualifier.ABOVE.value)


class OtherAssay(NamedTuple):
    """Another assay of the same biomarker. column: of its values in the participants; that of the status follows it.

    may_be_pooled: whether both are of one pool group, so that their values mean the same.
    """

    name: str
    unit: str | None
    scale: Scale
    cutoff: float | None
    may_be_pooled: bool
    column: str


def with_other_assays(
    participants: pd.DataFrame, marked: Marker, as_of
) -> tuple[pd.DataFrame, list[OtherAssay]]:
    """The participants with the values and the status by each other assay of the marker's biomarker, and these."""
    one = db.session.scalar(sa.select(Assay).where(Assay.name == marked.assay))
    chosen = sa.select(Assay).where(Assay.biomarker_id == one.biomarker_id, Assay.id != one.id)
    found = []
    for place, assay in enumerate(db.session.scalars(chosen.order_by(Assay.name).limit(MOST_ASSAYS))):
        other, marker = with_marker(participants, assay.name, None, as_of, False, marked.landmark_days)
        if other["marker_value"].isna().all():
            continue
        column = f"other_{place}"
        participants = participants.assign(
            **{column: other["marker_value"], f"{column}_status": other["marker"]}
        )
        pooled = one.pool_group is not None and one.pool_group == assay.pool_group
        found.append(OtherAssay(assay.name, assay.unit, assay.scale, marker.cutoff, pooled, column))
    return participants, found
