"""What is read of trials: who is enrolled, and how far that is from the plan."""

import sqlalchemy as sa

from tracker.extensions import db
from tracker.models import Participant, Trial


def enrolled_by(trial: Trial) -> dict[str, dict[int | None, int]]:
    """Participants of a trial counted by arm and by cohort: {"arm": {id: n}, "cohort": {id: n}, "all": {None: n}}."""
    rows = db.session.execute(
        sa.select(Participant.arm_id, Participant.cohort_id, sa.func.count(Participant.id))
        .where(Participant.trial_id == trial.id)
        .group_by(Participant.arm_id, Participant.cohort_id)
    ).all()
    counts = {"arm": {}, "cohort": {}, "all": {None: 0}}
    for arm, cohort, n in rows:
        counts["arm"][arm] = counts["arm"].get(arm, 0) + n
        counts["cohort"][cohort] = counts["cohort"].get(cohort, 0) + n
        counts["all"][None] += n
    return counts


def accrual() -> list[tuple[Trial, int]]:
    """Every trial that the reader sees, with how many are enrolled; those that recruit first."""
    enrolled = (
        sa.select(Participant.trial_id, sa.func.count(Participant.id).label("n"))
        .group_by(Participant.trial_id)
        .subquery()
    )
    rows = db.session.execute(
        sa.select(Trial, sa.func.coalesce(enrolled.c.n, 0)).outerjoin(
            enrolled, enrolled.c.trial_id == Trial.id
        )
    ).all()
    return sorted(((trial, n) for trial, n in rows), key=lambda row: (not row[0].status.enrols, row[0].code))
