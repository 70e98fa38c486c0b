"""Adverse events of the demonstration centre, as often as published and as CTCAE 5 grades them.

Frequencies: PD-1 and PD-L1 inhibitors by Wang 2019 (doi 10.1001/jamaoncol.2019.0393), ipilimumab with nivolumab by
CheckMate 067 (PMID 26027431), relatlimab by RELATIVITY-047 (doi 10.1056/NEJMoa2109970), docetaxel by OAK (doi
10.1016/S0140-6736(16)32517-X), nab-paclitaxel by IMpassion130 (doi 10.1056/NEJMoa1809615), lenvatinib by CLEAR (doi
10.1056/NEJMoa2035716). Those of ITX-204 and ITX-310 are invented.
"""

import datetime
from dataclasses import dataclass

import numpy as np

from tracker.audit import store_rows
from tracker.demo.chance import Chance
from tracker.models import AdverseEvent, Attribution, Query
from tracker.rules.checks import rules_of
from tracker.terms.codes import ctcae_terms
from tracker.terms.treatment import (
    ActionTaken,
    Causality,
    EventOutcome,
    Immunosuppression,
    SeriousnessCriterion,
)


@dataclass(frozen=True)
class _Kind:
    """How often an event comes to somebody treated for four months.

    severe: of these, the fraction of grade 3 or more; onset: median day; lasts: median days, None for good.
    """

    term: str
    often: float
    severe: float
    onset: int
    lasts: int | None
    immune: bool = False


_PD_1 = [
    _Kind("Fatigue", 0.20, 0.05, 25, 40),
    _Kind("Pruritus", 0.14, 0.01, 35, 30, True),
    _Kind("Rash maculo-papular", 0.11, 0.06, 35, 25, True),
    _Kind("Diarrhea", 0.11, 0.09, 45, 10),
    _Kind("Nausea", 0.09, 0.03, 20, 8),
    _Kind("Anorexia", 0.08, 0.05, 30, 30),
    _Kind("Arthralgia", 0.08, 0.05, 60, 50, True),
    _Kind("Hypothyroidism", 0.09, 0.02, 80, None, True),
    _Kind("Hyperthyroidism", 0.04, 0.02, 45, 40, True),
    _Kind("Pneumonitis", 0.035, 0.40, 75, 35, True),
    _Kind("Colitis", 0.022, 0.50, 65, 30, True),
    _Kind("Alanine aminotransferase increased", 0.05, 0.25, 50, 25, True),
    _Kind("Aspartate aminotransferase increased", 0.04, 0.20, 50, 25, True),
    _Kind("Adrenal insufficiency", 0.010, 0.50, 120, None, True),
    _Kind("Infusion related reaction", 0.02, 0.10, 2, 1),
    _Kind("Hyperglycemia", 0.012, 0.50, 80, None, True),
    _Kind("Myocarditis", 0.004, 0.80, 30, 30, True),
]
_CTLA_4 = [
    _Kind("Diarrhea", 0.30, 0.20, 35, 12),
    _Kind("Rash maculo-papular", 0.26, 0.10, 20, 25, True),
    _Kind("Pruritus", 0.22, 0.02, 20, 30, True),
    _Kind("Colitis", 0.11, 0.70, 40, 30, True),
    _Kind("Alanine aminotransferase increased", 0.12, 0.45, 42, 30, True),
    _Kind("Hypophysitis", 0.07, 0.30, 65, None, True),
    _Kind("Fever", 0.14, 0.04, 12, 3),
    _Kind("Nausea", 0.15, 0.06, 15, 8),
]
#: How much less often ipilimumab has these alone than with nivolumab.
_ALONE = 0.7
_LAG_3 = [
    _Kind("Hypothyroidism", 0.06, 0.0, 80, None, True),
    _Kind("Rash maculo-papular", 0.05, 0.06, 35, 25, True),
    _Kind("Myocarditis", 0.012, 0.6, 30, 30, True),
]
_OX_40 = [
    _Kind("Fever", 0.14, 0.03, 3, 2),
    _Kind("Chills", 0.12, 0.0, 2, 1),
    _Kind("Infusion related reaction", 0.10, 0.10, 2, 1),
    _Kind("Fatigue", 0.15, 0.05, 15, 30),
    _Kind("Alanine aminotransferase increased", 0.06, 0.15, 40, 25, True),
]
_TIGIT = [
    _Kind("Rash maculo-papular", 0.12, 0.05, 25, 25, True),
    _Kind("Pruritus", 0.12, 0.0, 25, 30, True),
    _Kind("Lipase increased", 0.05, 0.4, 40, 20, True),
]
_DOCETAXEL = [
    _Kind("Alopecia", 0.35, 0.0, 20, None),
    _Kind("Neutrophil count decreased", 0.28, 0.85, 9, 7),
    _Kind("Febrile neutropenia", 0.09, 1.0, 9, 6),
    _Kind("Anemia", 0.20, 0.20, 30, 40),
    _Kind("Fatigue", 0.30, 0.10, 8, 20),
    _Kind("Nausea", 0.20, 0.03, 4, 5),
    _Kind("Diarrhea", 0.20, 0.08, 8, 6),
    _Kind("Peripheral sensory neuropathy", 0.12, 0.08, 60, None),
    _Kind("Edema limbs", 0.09, 0.03, 70, 60),
]
_NAB_PACLITAXEL = [
    _Kind("Alopecia", 0.55, 0.0, 20, None),
    _Kind("Peripheral sensory neuropathy", 0.22, 0.25, 90, None),
    _Kind("Neutrophil count decreased", 0.20, 0.40, 15, 8),
    _Kind("Anemia", 0.25, 0.10, 30, 40),
    _Kind("Nausea", 0.38, 0.03, 4, 5),
    _Kind("Fatigue", 0.35, 0.08, 10, 30),
]
_CARBOPLATIN = [
    _Kind("Platelet count decreased", 0.22, 0.30, 14, 10),
    _Kind("Nausea", 0.30, 0.04, 3, 5),
    _Kind("Vomiting", 0.14, 0.06, 3, 3),
    _Kind("Anemia", 0.20, 0.25, 30, 40),
]
_LENVATINIB = [
    _Kind("Hypertension", 0.50, 0.50, 18, 60),
    _Kind("Diarrhea", 0.45, 0.15, 40, 20),
    _Kind("Proteinuria", 0.25, 0.28, 40, 40),
    _Kind("Palmar-plantar erythrodysesthesia syndrome", 0.24, 0.15, 30, 40),
    _Kind("Mucositis oral", 0.28, 0.05, 25, 20),
    _Kind("Weight loss", 0.25, 0.20, 60, 60),
    _Kind("Hypothyroidism", 0.30, 0.02, 50, None),
    _Kind("Fatigue", 0.30, 0.12, 30, 40),
]
_BY_AGENT = {
    "pembrolizumab": _PD_1,
    "nivolumab": _PD_1,
    "atezolizumab": _PD_1,
    "ipilimumab": _CTLA_4,
    "relatlimab": _LAG_3,
    "ITX-204": _OX_40,
    "ITX-310": _TIGIT,
    "docetaxel": _DOCETAXEL,
    "nab-paclitaxel": _NAB_PACLITAXEL,
    "carboplatin": _CARBOPLATIN,
    "lenvatinib": _LENVATINIB,
}
_OF_THE_DISEASE = [
    _Kind("Abdominal pain", 0.10, 0.12, 40, 20),
    _Kind("Dyspnea", 0.08, 0.20, 50, 25),
    _Kind("Back pain", 0.08, 0.05, 50, 30),
    _Kind("Constipation", 0.11, 0.02, 30, 12),
    _Kind("Cough", 0.09, 0.01, 45, 25),
    _Kind("Anemia", 0.10, 0.25, 50, 40),
    _Kind("Headache", 0.07, 0.02, 35, 6),
    _Kind("Urinary tract infection", 0.05, 0.25, 60, 8),
    _Kind("Lung infection", 0.035, 0.75, 70, 14),
    _Kind("Thromboembolic event", 0.03, 0.60, 70, 60),
    _Kind("Hyponatremia", 0.035, 0.45, 50, 8),
]

#: For what people are admitted once it is severe.
_ADMITTED = {
    "Colitis", "Pneumonitis", "Febrile neutropenia", "Lung infection", "Myocarditis", "Adrenal insufficiency",
    "Hypophysitis", "Thromboembolic event", "Hyperglycemia", "Dyspnea", "Sepsis",
}  # fmt: skip

#: What a nurse or a participant calls it.
_SOURCE_WORDS = {
    "Anorexia": "Decreased appetite",
    "Alanine aminotransferase increased": "ALT increased",
    "Aspartate aminotransferase increased": "AST increased",
    "Rash maculo-papular": "Rash",
    "Neutrophil count decreased": "Neutropenia",
    "Platelet count decreased": "Thrombocytopenia",
    "Lung infection": "Pneumonia",
    "Thromboembolic event": "Pulmonary embolism",
}
_DLTS = ["Alanine aminotransferase increased", "Colitis", "Pneumonitis", "Myocarditis"]


#: What the sponsor has not been told of yet.
_RECENT = {
    "Colitis": 25, "Pneumonitis": 20, "Lung infection": 20, "Thromboembolic event": 15, "Hyponatremia": 10,
    "Hypophysitis": 10,
}  # fmt: skip


@dataclass
class _Event:
    """Days from the first dose; agents: to which it is attributed."""

    person: object
    term: str
    grade: int
    start: int
    end: int | None
    agents: set[str]
    immune: bool = False
    dlt: bool = False
    stops: bool = False
    fatal: bool = False
    is_reported: bool = True


def store_events(people, regimens, now: datetime.date, chance: Chance):
    """Adverse events of the people of one trial, with what each was attributed to."""
    treated = [one for one in people if one.row["first_dose_on"] is not None and not one.row["undated"]]
    events = []
    for regimen in sorted({one.regimen for one in treated}):
        some = [one for one in treated if one.regimen == regimen]
        agents = list(dict.fromkeys(one.agent.name for one in regimens[regimen].components))
        for agent in [*agents, None]:
            weight = _ALONE if agent == "ipilimumab" and len(agents) == 1 else 1
            for kind in _BY_AGENT[agent] if agent else _OF_THE_DISEASE:
                events += _events(some, agent, kind, weight, chance)
        events += _that_stop_treatment(some, agents, chance) + _fatal(some, agents)
    events += [_dlt(one, chance) for one in treated if one.has_dlt]
    events = _one_at_a_time(events) + _recent(treated, regimens, now, chance)
    events.sort(key=lambda one: (one.person.id, one.start, one.term))
    rows = [_row(one, now, chance) for one in events]
    questions = _questions(rows, events)
    ids = store_rows(
        AdverseEvent, rows, {Attribution: [_attributions(one, regimens, chance) for one in events]}
    )
    store_rows(
        Query,
        [
            {**row, "record_id": ids[place], "participant_id": rows[place]["participant_id"]}
            for place, row in questions
        ],
    )


def _events(people, agent, kind, weight, chance):
    exposed = np.array([max(one.course.last_dose + 21, 21) for one in people])
    often = (weight * kind.often * np.clip(exposed / 120, 0.25, 2) ** 0.6).clip(0, 0.9)
    found = []
    for person, happens in zip(people, chance.happens(often), strict=True):
        latest = min(person.course.last_dose + 45, person.course.seen_until - 1)
        if not happens or latest < 1:
            continue
        start = 1 + int(-np.log2(1 - 0.999 * chance.one()) * kind.onset)
        start = start if start <= latest else 1 + int(chance.one() * latest)
        found.append(_Event(person, kind.term, _grade(kind, chance), start, _end(person, start, kind, chance),
                            {agent} - {None}, kind.immune and agent is not None))  # fmt: skip
    return found


def _grade(kind, chance):
    defined = [number for number in range(1, 5) if ctcae_terms[kind.term][f"grade_{number}"]]
    severe = [number for number in defined if number >= 3]
    mild = [number for number in defined if number < 3]
    if severe and (not mild or chance.one() < kind.severe):
        return severe[-1] if chance.one() < 0.14 else severe[0]
    return mild[-1] if chance.one() < 0.4 else mild[0]


def _end(person, start, kind, chance):
    """The day it was over; None where it is not."""
    if kind.lasts is None:
        return None
    end = start + 1 + int(-np.log2(1 - 0.999 * chance.one()) * kind.lasts)
    return end if end <= person.course.seen_until else None


def _one_at_a_time(events):
    """An event that two agents may cause, or that has not ended, is one event, the worst of them."""
    worst = {}
    for one in sorted(events, key=lambda one: (one.dlt, one.fatal, one.stops, one.grade)):
        key = one.person.id, one.term
        if key in worst:
            one.agents |= worst[key].agents
        worst[key] = one
    return list(worst.values())


def _that_stop_treatment(people, agents, chance):
    """Who went off treatment for an adverse event had one."""
    terms = ["Pneumonitis", "Colitis", "Alanine aminotransferase increased", "Arthralgia"]
    if not set(agents) & {"pembrolizumab", "nivolumab", "atezolizumab", "ipilimumab"}:
        terms = ["Fatigue", "Hypertension"] if "lenvatinib" in agents else ["Peripheral sensory neuropathy"]
    found = []
    for one in people:
        day, reason = one.course.off_treatment or (0, None)
        if reason == "adverse event":
            term = chance.which(terms, [3, 2, 2, 1][: len(terms)], 1)[0]
            end = day + 20 if day + 20 <= one.course.seen_until else None
            is_immune = term in ("Pneumonitis", "Colitis", "Alanine aminotransferase increased", "Arthralgia")
            found.append(_Event(one, term, 3, max(day - 6, 1), end, set(agents[:1]), is_immune, stops=True))
    return found


def _fatal(people, agents):
    """In a large arm the first who died on treatment died of an infection, or of what was given for lung cancer."""
    for one in people if len(people) > 25 else ():
        if one.course.off_treatment and one.course.off_treatment[1] == "death" and one.course.died > 12:
            is_lung = one.row["tumor_location"] == "LUNG" and "pembrolizumab" in agents
            term = "Pneumonitis" if is_lung else "Sepsis"
            cause = {"pembrolizumab"} if term == "Pneumonitis" else set()
            died = one.course.died
            return [_Event(one, term, 5, died - 9, died, cause, bool(cause), fatal=True)]
    return []


def _dlt(person, chance):
    """Within the window of 28 days, of grade 3."""
    term = chance.which(_DLTS, [4, 2, 2, 1], 1)[0]
    start = int(chance.integers(8, 24, 1)[0])
    end = start + 18 if start + 18 <= person.course.seen_until else None
    return _Event(person, term, 3, start, end, {"ITX-204"}, True, dlt=True)


def _recent(people, regimens, now, chance):
    """Of those on treatment up to two have a serious event that the sponsor has not been told of."""
    on = [
        one
        for one in people
        if one.course.off_treatment is None
        and one.course.off_study is None
        and (now - one.row["first_dose_on"]).days in range(20, 300)
    ]
    found = []
    for number in range(min(chance.which([0, 1, 2], [15, 45, 40], 1)[0], len(on))):
        one = on[int(chance.one() * len(on) / 2) + number * len(on) // 2]
        agents = {component.agent.name for component in regimens[one.regimen].components}
        term = chance.which(list(_RECENT), list(_RECENT.values()), 1)[0]
        is_immune = term in ("Colitis", "Pneumonitis", "Hypophysitis")
        cause = agents & {"pembrolizumab", "nivolumab", "atezolizumab"} if is_immune else set()
        start = (now - one.row["first_dose_on"]).days - 1 - int(9 * chance.one() ** 2)
        found.append(_Event(one, term, 3, start, None, cause, bool(cause), is_reported=False))
    return found


def _row(event, now, chance):
    person, first = event.person, event.person.row["first_dose_on"]
    started = first + datetime.timedelta(days=event.start)
    ended = None if event.end is None else first + datetime.timedelta(days=event.end)
    is_serious = (
        event.fatal
        or event.grade >= 4
        or not event.is_reported
        or (event.grade == 3 and chance.one() < (0.8 if event.term in _ADMITTED or event.dlt else 0.12))
    )
    aware = min(started + datetime.timedelta(days=int(chance.integers(0, 2, 1)[0])), person.seen_on)
    reported = min(aware + datetime.timedelta(days=int(chance.integers(0, 1, 1)[0])), now)
    if event.fatal:
        criterion = SeriousnessCriterion.DEATH
    elif event.grade == 4:
        criterion = SeriousnessCriterion.LIFE_THREATENING
    else:
        criterion = SeriousnessCriterion.HOSPITALISATION
    return {
        "participant_id": person.id,
        "term": _SOURCE_WORDS.get(event.term, event.term),
        "ctcae_term": event.term,
        "soc": ctcae_terms[event.term]["soc"],
        "grade": event.grade,
        "started_on": started,
        "ended_on": ended,
        "serious": is_serious,
        "serious_criterion": criterion if is_serious else None,
        "expected": event.term not in ("Myocarditis", "Sepsis"),
        "immune_related": event.immune,
        "dlt": event.dlt,
        "immunosuppression": _immunosuppression(event, chance),
        "action_taken": _action(event),
        "outcome": _outcome(event, person),
        "aware_on": aware if is_serious else None,
        "reported_to_sponsor_on": reported if is_serious and event.is_reported else None,
        "narrative": _narrative(event) if is_serious else None,
    }


def _immunosuppression(event, chance):
    if not event.immune or event.term in ("Hypothyroidism", "Hyperthyroidism", "Hyperglycemia"):
        return None
    if event.grade >= 3 and chance.one() < 0.2:
        return Immunosuppression.OTHER
    if event.term in ("Pruritus", "Rash maculo-papular") and event.grade < 3:
        return Immunosuppression.TOPICAL
    return Immunosuppression.SYSTEMIC if event.grade >= 2 else Immunosuppression.NONE


def _action(event):
    if event.fatal:
        return ActionTaken.NOT_APPLICABLE
    if event.stops:
        return ActionTaken.WITHDRAWN
    return ActionTaken.INTERRUPTED if event.grade >= 3 and event.agents else ActionTaken.NOT_CHANGED


def _outcome(event, person):
    if event.fatal:
        return EventOutcome.FATAL
    if event.end is not None:
        return EventOutcome.RECOVERED
    is_old = person.course.seen_until - event.start > 60
    return EventOutcome.NOT_RECOVERED if is_old or event.start % 2 else EventOutcome.RECOVERING


def _narrative(event):
    said = f"{event.term} of grade {event.grade} on day {event.start + 1}."
    if event.fatal:
        return f"{said} Admitted to intensive care; died in spite of treatment."
    if event.immune:
        return f"{said} Infection was excluded; methylprednisolone 2 mg/kg was started."
    return f"{said} Admitted and treated."


def _attributions(event, regimens, chance):
    components = regimens[event.person.regimen].components
    agents = {component.agent.id: component.agent.name for component in components}
    rows = []
    for number, name in agents.items():
        if name not in event.agents:
            cause = Causality.NOT_RELATED if not event.agents or chance.one() < 0.5 else Causality.UNLIKELY
        else:
            degrees = [Causality.POSSIBLE, Causality.PROBABLE, Causality.DEFINITE]
            cause = chance.which(degrees, [45, 45, 10], 1)[0]
        rows.append({"agent_id": number, "causality": cause})
    return rows


def _questions(rows, events):
    """Queries by the place of their event: of one serious event the criterion is missing, which a rule asks for; of
    two that have not ended a person asks what became of them."""
    severe = [place for place, row in enumerate(rows) if row["serious"] and row["grade"] == 3]
    if len(severe) < 6:
        return []
    rows[severe[2]]["serious_criterion"] = None
    check = rules_of("adverse_event")["serious_without_criterion"]
    asked = {"field": check.field, "rule": check.name, "is_found": True, "question": str(check.message)}
    found = [(severe[2], asked)]
    lasting = [place for place in severe if rows[place]["ended_on"] is None]
    asked = {"field": "outcome", "question": "Has this event ended meanwhile? Please give its outcome."}
    found += [(place, {**asked, "rule": None, "is_found": False}) for place in lasting[:2]]
    common = {"record_type": "adverse_event", "trial_id": events[0].person.row["trial_id"]}
    return [(place, common | row) for place, row in found]
