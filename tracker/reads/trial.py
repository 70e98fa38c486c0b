"""What is read of trials: who is enrolled, and how far that is from the plan."""

import datetime

import pandas as pd
import sqlalchemy as sa
from sqlalchemy import orm

from tracker.extensions import db
from tracker.models import Participant, Trial
from tracker.reads.base import rests_on
from tracker.reads.state import arm_states


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


@rests_on(arm_states)
def plans_frame(_participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
    """One row a plan: of a trial, of each of its arms and of each of its cohorts, whoever is in them. CDISC: TS, TA.

    trial_id, trial; arm (TRIAL/ARM) and cohort, missing where the plan is of more; planned: participants, missing
    where nothing is planned; masked: an arm that is hidden until its trial's results are released; enrols: whether
    the trial takes participants now.
    """
    trials = db.session.scalars(
        sa.select(Trial)
        .options(orm.selectinload(Trial.arms), orm.selectinload(Trial.cohorts))
        .order_by(Trial.code)
    ).all()
    rows = []
    for trial in trials:
        common = {"trial_id": trial.id, "trial": trial.code, "enrols": trial.status.enrols, "masked": False}
        rows.append(common | {"planned": trial.accrual_target})
        rows += [
            common | {"arm": f"{trial.code}/{arm.code}", "planned": arm.planned_n, "masked": trial.hides_arms}
            for arm in trial.arms
        ]
        rows += [common | {"cohort": cohort.name, "planned": cohort.planned_n} for cohort in trial.cohorts]
    kinds = {"trial_id": "int64", "trial": "str", "arm": "str", "cohort": "str", "planned": "Int64"}
    kinds |= {"masked": "bool", "enrols": "bool"}
    return pd.DataFrame(
        {name: pd.Series([row.get(name) for row in rows], dtype=kind) for name, kind in kinds.items()}
    )
