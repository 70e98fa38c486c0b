"""What the director of the demonstration centre decided about arms, and the reports that it rested on."""

import datetime

import sqlalchemy as sa

from tracker.extensions import db
from tracker.models import Arm, ArmDecision, Trial, User
from tracker.reads.escalation import standings_in_scope
from tracker.reports.base import run_report
from tracker.reports.decisions import figures_of_decision
from tracker.reports.kept import keep
from tracker.terms.trial import ArmAction

# Trial, arm, decision, how many days ago, report with its parameters, reason.
_DECISIONS = [
    ("CCI-BASKET-01", "PEMBRO", ArmAction.EXPAND, 300, "outcomes", {"trial": "CCI-BASKET-01", "by": "tumor_location"},
     "Responses in bladder, bowel and head and neck. Breast stays open until the gap is understood."),
    ("CCI-RCC-07", "LEN", ArmAction.CLOSE, 40, "combinations",
     {"regimen": "pembrolizumab + lenvatinib", "tumor_location": "KIDNEY", "source": "own"},
     "The combination does more than either alone; nobody else should be given lenvatinib alone."),
    ("CCI-LAG-05", "NIVO-RELA", ArmAction.PAUSE, 60, "combinations",
     {"regimen": "nivolumab + relatlimab", "tumor_location": "SKIN"},
     "No result of relatlimab alone: the ledger cannot tell whether it adds anything. Paused until it is looked up."),
]  # fmt: skip


def store_decisions_about_arms(today: datetime.date, by: User) -> None:
    """Each with the figures of its day, so that later results stand beside them."""
    for code, arm_code, action, days, slug, asked, reason in _DECISIONS:
        arm = db.session.scalar(
            sa.select(Arm).join(Arm.trial).where(Trial.code == code, Arm.code == arm_code)
        )
        day = today - datetime.timedelta(days=days)
        decision = ArmDecision(arm_id=arm.id, decision=action, decided_on=day, reason=reason, author_id=by.id)
        result = run_report(slug, [*asked.items(), ("as_of", day.isoformat())])
        crossed = [name for one in standings_in_scope(day, arm_id=arm.id) for name in one.crossed]
        arm.status = action.status
        db.session.add(decision)
        db.session.flush()
        keep(decision, result, figures_of_decision(result, crossed))
