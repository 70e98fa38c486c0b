"""What is read of measurements."""

import sqlalchemy as sa
from sqlalchemy import orm

from tracker.extensions import db
from tracker.models import Assay, Measurement, Participant


def measurements_of(participant: Participant) -> list[Measurement]:
    """The participant's measurements with their assays, by assay and then by day."""
    statement = (
        sa.select(Measurement)
        .join(Measurement.assay)
        .options(orm.contains_eager(Measurement.assay))
        .where(Measurement.participant_id == participant.id)
        .order_by(Assay.name, Measurement.measured_on.nulls_last(), Measurement.id)
    )
    return list(db.session.scalars(statement))
