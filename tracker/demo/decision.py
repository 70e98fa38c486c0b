"""What the director of the demonstration centre decided about arms, and the reports that it rested on."""

import datetime

import sqlalchemy as sa
from sqlalchemy import orm

from tracker.extensions import db
from tracker.models import Arm, ArmDecision, User
from tracker.reports.base import run_report
from tracker.reports.decisions import figures_of_decision
from tracker.reports.kept import keep
from tracker.terms.trial import ArmAction

# All of one day, whose data are then read once.
# Trial, arm, decision, how many days ago, report with its parameters, reason.
_DECISIONS = [
    ("CCI-BASKET-01", "PEMBRO", ArmAction.EXPAND, 180, "outcomes", {"trial": "CCI-BASKET-01", "by": "tumor_location"},
     "Responses in bladder, bowel and head and neck. Breast stays open until the gap is understood."),
    ("CCI-RCC-07", "LEN", ArmAction.CLOSE, 180, "combinations",
     {"regimen": "pembrolizumab + lenvatinib", "tumor_location": "KIDNEY", "source": "own"},
     "The combination does more than either alone; nobody else should be given lenvatinib alone."),
    ("CCI-LAG-05", "NIVO-RELA", ArmAction.PAUSE, 180, "combinations",
     {"regimen": "nivolumab + relatlimab", "tumor_location": "SKIN"},
     "No result of relatlimab alone: the ledger cannot tell whether it adds anything. Paused until it is looked up."),
]  # fmt: skip


def store_decisions_about_arms(today: datetime.date, by: User) -> None:
    """Each with the figures of its day, so that later results stand beside them.

    All reports are asked before anything is stored, so that they share what they read.
    """
    arms = {
        (arm.trial.code, arm.code): arm
        for arm in db.session.scalars(sa.select(Arm).options(orm.joinedload(Arm.trial)))
    }
    decided = []
    for code, arm_code, action, days, slug, asked, reason in _DECISIONS:
        day = today - datetime.timedelta(days=days)
        result = run_report(slug, [*asked.items(), ("as_of", day.isoformat())])
        about = {"arm_id": arms[code, arm_code].id, "decision": action, "decided_on": day}
        decision = ArmDecision(**about, reason=reason, author_id=by.id)
        keep(decision, result, figures_of_decision(result))
        decided.append((decision, arms[code, arm_code]))
    for decision, arm in decided:
        arm.status = decision.decision.status
        db.session.add(decision)
