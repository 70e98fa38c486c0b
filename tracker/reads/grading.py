"""How far findings carry: their level of evidence, and what of REMARK they report."""

import pandas as pd
import sqlalchemy as sa
from sqlalchemy import orm

from tracker.extensions import db
from tracker.models import Finding
from tracker.reads.base import beside
from tracker.reads.evidence import accepted_validations
from tracker.rules.evidence import level_of_evidence, remark_rows, validations_of
from tracker.scope import reader


@beside
def grades_frame(_everything, _as_of) -> pd.DataFrame:
    """One row a finding that the reader sees, as it is now, by number.

    finding_id, trial_id, study_category, level (LevelOfEvidence; missing without a study category), agree, disagree
    (accepted findings that validate it), assay_id, is_own (whether the reader may change it now).
    """
    user = reader().user
    rows = []
    for one in _findings():
        agree, disagree = validations_of(one, accepted_validations(one))
        level = level_of_evidence(one.study_category, agree, disagree)
        is_own = user is not None and one.is_of(user) and one.status.is_open
        rows.append([one.id, one.trial_id, one.study_category, level, agree, disagree, one.assay_id, is_own])
    columns = ["finding_id", "trial_id", "study_category", "level", "agree", "disagree", "assay_id", "is_own"]
    kinds = {"study_category": "str", "level": "str", "is_own": "bool"}
    kinds |= {name: "Int64" for name in columns if name not in kinds}
    return pd.DataFrame(rows, columns=columns).astype(kinds)


@beside
def remark_frame(_everything, _as_of) -> pd.DataFrame:
    """One row a finding that the reader sees and an item of REMARK, as it is now.

    finding_id, trial_id, item (1 to 20), status (RemarkStatus), missing: the field that would answer it, of the
    finding or of its assay, or `remark_answers` where only words can; missing where nothing is.
    """
    rows = [
        [one.id, one.trial_id, row.item.number, row.status, row.missing if row.is_gap else None]
        for one in _findings()
        for row in remark_rows(one)
    ]
    kinds = {"finding_id": "Int64", "trial_id": "Int64", "item": "Int64", "status": "str", "missing": "str"}
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)


def _findings() -> list[Finding]:
    statement = sa.select(Finding).options(
        orm.joinedload(Finding.assay),
        orm.joinedload(Finding.hypothesis),
        orm.joinedload(Finding.regimen),
        orm.joinedload(Finding.trial),
        orm.joinedload(Finding.validates),
        orm.selectinload(Finding.remark_answers),
        orm.selectinload(Finding.validated_by),
    )
    return list(db.session.scalars(statement.order_by(Finding.id)).unique())
