"""What is read of regimens and of what is published of them. Both belong to no trial."""

import datetime

import pandas as pd
import sqlalchemy as sa

from tracker import clock
from tracker.models import Agent, ReferenceResult, Regimen, RegimenComponent
from tracker.reads.base import frame, of_no_trial
from tracker.terms.regimen import MechanismClass


@of_no_trial
def regimens_frame(_everything, _as_of: datetime.date) -> pd.DataFrame:
    """One row an agent of a regimen, in the regimen's order; a placebo is none. CDISC: TE.

    regimen_id, regimen (its name), agent (its name).
    """
    found = frame(
        sa.select(Regimen.id.label("regimen_id"), Regimen.name.label("regimen"), Agent.name.label("agent"))
        .join(Regimen.components)
        .join(RegimenComponent.agent)
        .where(Agent.mechanism_class != MechanismClass.PLACEBO)
        .order_by(Regimen.id, RegimenComponent.position)
    )
    return found.drop_duplicates(["regimen_id", "agent"], ignore_index=True)


@of_no_trial
def reference_results_frame(_everything, as_of: datetime.date) -> pd.DataFrame:
    """One row a published result that was recorded by the day `as_of`, in the order of their entry.

    reference_id, regimen_id, regimen (its name), tumor_location, subtype, prior_lines, endpoint (ReferenceEndpoint),
    x, n, x_is_rounded, published_rate (where x is rounded), selection (of its population), citation.
    """
    statement = sa.select(
        ReferenceResult.id.label("reference_id"),
        ReferenceResult.regimen_id,
        Regimen.name.label("regimen"),
        ReferenceResult.tumor_location,
        ReferenceResult.subtype,
        ReferenceResult.prior_lines,
        ReferenceResult.endpoint,
        ReferenceResult.x,
        ReferenceResult.n,
        ReferenceResult.x_is_rounded,
        ReferenceResult.published_rate,
        ReferenceResult.selection,
        ReferenceResult.citation,
    ).join(ReferenceResult.regimen)
    if as_of < clock.today():
        end = datetime.datetime.combine(as_of, datetime.time.max).astimezone(datetime.UTC)
        statement = statement.where(ReferenceResult.created_at <= end)
    return frame(statement.order_by(ReferenceResult.id))
