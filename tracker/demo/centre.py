"""A centre whose every record is synthetic: the same seed gives the same centre, dated up to this week.

What is where: `regimen.py` agents, regimens and published results; `trial.py` the trials; `biomarker.py` the
markers and their measurements, `specimen.py` in what they were made; `outcome.py` what becomes of a participant;
`participant.py` who they are; `escalation.py` dose levels and decisions; `treatment.py` doses; `safety.py` adverse
events; `response.py` lesions and assessments; `evidence.py` hypotheses and findings; `oversight.py`
what is said of queries; `signing.py` what was signed.
"""

import datetime

import sqlalchemy as sa

from tracker import actions, clock
from tracker.audit import because
from tracker.demo.biomarker import store_assays, store_measurements
from tracker.demo.chance import Chance
from tracker.demo.decision import store_decisions_about_arms
from tracker.demo.escalation import LADDERS, store_decisions, store_levels
from tracker.demo.evidence import mend_a_value, store_evidence
from tracker.demo.oversight import store_talk
from tracker.demo.participant import enrol
from tracker.demo.regimen import store_regimens
from tracker.demo.response import store_responses
from tracker.demo.safety import store_events
from tracker.demo.signing import change_what_was_signed, store_signatures
from tracker.demo.treatment import store_doses
from tracker.demo.trial import PLANS, store_trial
from tracker.extensions import db
from tracker.models import Lock, Trial, User
from tracker.roles import Role

SEED = 2026

#: Role, account, password: printed at the start, and of no use anywhere else.
SIGN_INS = [
    ("physician", "moreau", "demonstration-physician"),
    ("researcher", "okoye", "demonstration-researcher"),
    ("director", "lindqvist", "demonstration-director"),
    ("monitor", "ferrari", "demonstration-monitor"),
    ("admin", "admin", "demonstration-admin"),
]
_NAMES = {
    "moreau": "Dr A. Moreau",
    "okoye": "Dr N. Okoye",
    "lindqvist": "Prof. E. Lindqvist",
    "ferrari": "G. Ferrari",
    "admin": "Administrator",
}

#: Trials that an account is not assigned to: the physician treats breast, head and neck, skin and in phase 1; the
#: monitor visits trials, not registers. The director sees all, the administrator no participants.
_NOT_ASSIGNED = {
    "moreau": {"CCI-LUNG-03", "CCI-RCC-07", "CCI-REG-11"},
    "okoye": set(),
    "ferrari": {"CCI-REG-11"},
}


def load(today: datetime.date | None = None) -> bool:
    """Fill an empty database, all or nothing. Returns whether there was anything to do."""
    if db.session.scalar(sa.select(User.id).limit(1)) is not None:
        return False
    today = today or clock.today()
    now = today - datetime.timedelta(
        days=today.weekday()
    )  # a Monday, so that weekdays fall alike in any week
    users = {
        name: actions.add_user(name, Role(role), password, _NAMES[name]) for role, name, password in SIGN_INS
    }
    regimens, assays = store_regimens(), store_assays()
    for plan in PLANS:
        trial = store_trial(plan, regimens, now)
        for name, not_assigned in _NOT_ASSIGNED.items():
            if plan.code not in not_assigned:
                actions.assign(users[name], trial)
        db.session.flush()
        # Chances of their own: one trial more, or one more of something, changes nothing else.
        chances = [Chance([SEED, number, *plan.code.encode()]) for number in range(5)]
        ladder = LADDERS.get(plan.code)
        levels = store_levels(trial, ladder) if ladder else []
        people = enrol(plan, trial, now, levels, chances[0])
        store_measurements(plan, people, assays, now, chances[1], chances[4])
        store_doses(people, regimens)
        store_events(people, regimens, now, chances[2])
        if plan.has_assessments:
            store_responses(people, chances[3])
        if ladder:
            store_decisions(trial, ladder, levels, people, users["moreau"])
    db.session.commit()
    # Decisions and findings are made from reports, which read what is stored.
    with because("Decided by the director."):
        store_decisions_about_arms(today, users["lindqvist"])
        db.session.commit()
    store_evidence(users, now)
    store_talk(users, today)
    db.session.commit()
    with because("The decimal point was misread in the laboratory's list."):
        mend_a_value()
        db.session.commit()
    store_signatures(users)
    db.session.commit()
    with because("Letter of the general practitioner."):
        change_what_was_signed()
        db.session.commit()
    _lock_the_register(users["lindqvist"])
    db.session.commit()
    return True


def _lock_the_register(by: User) -> None:
    """The one trial that is over: nobody adds to it any more."""
    trial = db.session.scalar(sa.select(Trial).where(Trial.code == "CCI-REG-11"))
    reason = "The register is complete: nothing more will come."
    db.session.add(Lock(trial=trial, reason=reason, locked_by=by))
