"""Arms that escalate their dose, with participants at their levels."""

import datetime

from tests.factories import make_adverse_event, make_arm, make_dose_level, make_participant, make_trial
from tracker.terms.trial import EscalationRule

START = datetime.date(2024, 1, 1)


def day(number):
    return START + datetime.timedelta(days=number)


def make_escalating(rule=EscalationRule.BOIN, levels=3, seconds=1, **given):
    """An arm with that many levels, and its levels from the lowest on."""
    trial = given.pop("trial", None) or make_trial(code="ESC")
    arm = make_arm(trial=trial, code="A", escalation_rule=rule, target_dlt_rate=0.3, cohort_size=3, **given)
    return arm, [
        make_dose_level(arm=arm, level=level, second_level=second)
        for level in range(1, levels + 1)
        for second in range(1, seconds + 1)
    ]


def treat(level, n, dlt=0, on=0, **given):
    """n participants at a level, of whom the first dlt had a dose-limiting event on their eighth day."""
    treated = []
    for number in range(n):
        participant = make_participant(
            trial=level.arm.trial,
            arm=level.arm,
            dose_level=level,
            consented_on=day(on),
            enrolled_on=day(on),
            first_dose_on=day(on),
            **given,
        )
        if number < dlt:
            make_adverse_event(participant=participant, grade=3, dlt=True, started_on=day(on + 7))
        treated.append(participant)
    return treated
