"""Checks of doses and adverse events."""

import pandas as pd
from flask_babel import lazy_gettext as _l

from tracker.rules.checks import Weight, check, refuse_future
from tracker.terms.codes import ctcae_terms

#: A dose of more than so many times the planned one is asked about.
_FAR_ABOVE = 2


# Doses

refuse_future("administration", "given_on")


@check("administration", "given_on", _l("Nobody is dosed before enrolment."))
def given_before_enrolment(given_on, participant_enrolled_on):
    return given_on < participant_enrolled_on


@check(
    "administration",
    "given_on",
    _l("The participant's first dose is later than this: correct that day first, or this one."),
)
def given_before_the_first_dose(given_on, dose, participant_first_dose_on):
    return (dose > 0) & (given_on < participant_first_dose_on)


@check("administration", "given_on", _l("Nobody is dosed after death."))
def given_after_death(given_on, participant_died_on):
    return given_on > participant_died_on


@check("administration", "given_on", _l("The participant went off treatment before this day."))
def given_after_treatment_ended(given_on, dose, participant_off_treatment_on):
    return (dose > 0) & (given_on > participant_off_treatment_on)


@check("administration", "modification", _l("A dose of 0 was omitted: choose that, and say why."))
def omitted_without_saying(dose, modification):
    return (dose == 0) & (modification != "omitted")


@check("administration", "dose", _l("An omitted dose is 0."))
def omitted_but_given(dose, modification):
    return (dose > 0) & (modification == "omitted")


@check("administration", "modification_reason", _l("Say why the dose was modified."))
def modified_without_reason(modification, modification_reason):
    return modification.notna() & modification_reason.isna()


@check("administration", "dose", _l("The dose is more than twice the planned one."), Weight.REASON)
def far_above_plan(dose, unit, planned_dose, planned_unit):
    return (unit == planned_unit) & (dose > _FAR_ABOVE * planned_dose)


@check("administration", "unit", _l("The planned dose has another unit."), Weight.REASON)
def unit_not_as_planned(unit, planned_unit):
    return planned_unit.notna() & (unit != planned_unit)


# Adverse events


def ctcae_of(term: str | None) -> tuple[str | None, str | None]:
    """The term of CTCAE 5 that an event's words match, and its system organ class."""
    found = ctcae_terms.find(term) if term else None
    return found, found and ctcae_terms[found]["soc"]


refuse_future("adverse_event", "started_on", "ended_on", "aware_on", "reported_to_sponsor_on")


@check("adverse_event", "ended_on", _l("An event cannot end before it starts."))
def ended_before_it_started(started_on, ended_on):
    return ended_on < started_on


@check("adverse_event", "started_on", _l("No event starts after death."))
def started_after_death(started_on, participant_died_on):
    return started_on > participant_died_on


@check("adverse_event", "aware_on", _l("Nobody can be aware of an event before it starts."))
def aware_before_it_started(aware_on, started_on):
    return aware_on < started_on


@check(
    "adverse_event",
    "reported_to_sponsor_on",
    _l("An event cannot be reported before anybody is aware of it."),
)
def reported_before_aware(reported_to_sponsor_on, aware_on, started_on):
    return reported_to_sponsor_on < aware_on.fillna(started_on)


@check(
    "adverse_event",
    "serious_criterion",
    _l("Only a serious event has a criterion: tick serious, or empty it."),
)
def criterion_of_an_event_that_is_not_serious(serious, serious_criterion):
    return serious_criterion.notna() & ~serious.fillna(False).astype(bool)


@check("adverse_event", "serious", _l("A dose-limiting toxicity of grade 5 is serious."))
def fatal_dlt_not_serious(serious, dlt, grade):
    return (grade == 5) & dlt.fillna(False).astype(bool) & ~serious.fillna(False).astype(bool)


@check(
    "adverse_event",
    "serious_criterion",
    _l("The event is serious, but not by which criterion."),
    Weight.QUERY,
)
def serious_without_criterion(serious, serious_criterion):
    return serious.fillna(False).astype(bool) & serious_criterion.isna()


@check("adverse_event", "aware_on", _l("The event is serious: since when was the team aware?"), Weight.QUERY)
def serious_without_awareness(serious, aware_on, participant_undated):
    return (
        serious.fillna(False).astype(bool) & aware_on.isna() & ~participant_undated.fillna(False).astype(bool)
    )


@check("adverse_event", "grade", _l("The event was fatal, but its grade is not 5."), Weight.QUERY)
def fatal_without_grade_5(outcome, serious_criterion, grade):
    return ((outcome == "fatal") | (serious_criterion == "death")) & (grade != 5)


@check("adverse_event", "outcome", _l("The grade is 5, but the outcome is not fatal."), Weight.QUERY)
def grade_5_without_death(outcome, grade):
    return (grade == 5) & (outcome != "fatal")


@check("adverse_event", "started_on", _l("The event started before consent."), Weight.QUERY)
def started_before_consent(started_on, participant_consented_on):
    return started_on < participant_consented_on


@check("adverse_event", "grade", _l("CTCAE 5 defines no such grade of this term."), Weight.QUERY)
def grade_that_the_term_lacks(ctcae_term, grade):
    """CTCAE 5 leaves out grades that cannot be, such as a fatal alopecia."""
    return pd.Series(
        [
            isinstance(term, str)
            and pd.notna(number)
            and not ctcae_terms[term].get(f"grade_{int(number)}", "")
            for term, number in zip(ctcae_term, grade)
        ],
        index=grade.index,
        dtype=bool,
    )
