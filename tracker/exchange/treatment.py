"""What follows from a file's doses and adverse events: components of regimens, terms, and what caused an event."""

import pandas as pd
import sqlalchemy as sa
from flask_babel import gettext as _

from tracker.exchange.checking import refuse
from tracker.exchange.fields import TEXT
from tracker.exchange.reading import distinct, with_keys
from tracker.exchange.sections import ATTRIBUTION_OF
from tracker.extensions import db
from tracker.models import Agent, LevelDose, Participant, Regimen, RegimenComponent
from tracker.rules.treatment import ctcae_of
from tracker.terms.treatment import Causality
from tracker.values import fold


def settled_doses(section, frame, resulting, comparison) -> pd.DataFrame:
    """Administrations with the components of the participants' regimens, which the file names by their agents."""
    regimens = _regimens_of(frame["participant"], resulting).fillna("")
    pairs = list(zip(regimens, frame["component"]))
    every = sorted(set(resulting["arm"]["regimen"].dropna()))
    known, messages = {}, {}
    for regimen, agent in dict.fromkeys(pairs):
        found = [
            one.key
            for name in ([regimen] if regimen else every)
            for one in comparison.regimens.components.get(name, ())
            if fold(one.agent) == fold(agent)
        ]
        if len(found) == 1:
            known[regimen, agent] = found[0]
        elif found:
            messages[regimen, agent] = _(
                "More than one component is of this agent; enter these doses on the participant's page."
            )
        else:
            messages[regimen, agent] = _("The participant's arm does not receive this component.")
    for message in dict.fromkeys(messages.values()):
        wrong = [messages.get(pair) == message for pair in pairs]
        refuse(section, frame.loc[wrong, "component"], "component", message, comparison.reading)
    components = pd.Series([known.get(pair) for pair in pairs], frame.index, dtype=TEXT)
    frame = frame.assign(component=components)[components.notna()]
    return distinct(section, with_keys(section, frame), comparison.reading)


def level_doses(trial_id) -> dict[tuple[str, str], float]:
    """The doses of the participants' dose levels, by the participant and the key of the component."""
    rows = db.session.execute(
        sa.select(Participant.code, Regimen.name, Agent.name, LevelDose.dose)
        .join(LevelDose, LevelDose.dose_level_id == Participant.dose_level_id)
        .join(RegimenComponent, RegimenComponent.id == LevelDose.component_id)
        .join(Regimen, Regimen.id == RegimenComponent.regimen_id)
        .join(Agent, Agent.id == RegimenComponent.agent_id)
        .where(Participant.trial_id == trial_id)
    )
    return {(code, f"{regimen}: {agent}"): dose for code, regimen, agent, dose in rows}


def planned_doses(records, resulting, comparison) -> pd.DataFrame:
    """For each administration planned_dose and planned_unit: of the participant's dose level, else of the regimen."""
    planned = {
        one.key: (one.dose, one.unit and str(one.unit.value))
        for components in comparison.regimens.components.values()
        for one in components
    }
    cells = [planned.get(key, (None, None)) for key in records["component"]]
    of_levels = level_doses(comparison.trial_id)
    at_level = [of_levels.get(key) for key in zip(records["participant"], records["component"])]
    doses = [dose if level is None else level for (dose, _unit), level in zip(cells, at_level)]
    return pd.DataFrame(
        {
            "planned_dose": pd.Series(doses, records.index, dtype="float64"),
            "planned_unit": pd.Series([unit for _dose, unit in cells], records.index, dtype=TEXT),
        }
    )


def settled_events(frame) -> pd.DataFrame:
    """Adverse events with the CTCAE term that their words match, and the class that follows from it."""
    found = {term: ctcae_of(term) for term in frame["term"].dropna().unique()}
    matched, classes = (
        frame["term"].map({term: one[place] for term, one in found.items()}).astype(TEXT) for place in (0, 1)
    )
    given = frame["soc"] if "soc" in frame else pd.Series(None, frame.index, dtype=TEXT)
    return frame.assign(ctcae_term=matched, soc=classes.fillna(given))


def attributions(section, frame, resulting, comparison) -> pd.DataFrame | None:
    """What caused each event, agent by agent; None where the file does not tell.

    `related` is said of every agent of the participant's regimen: placebos only where it has nothing else. A column
    of an agent's own goes before it.
    """
    own = [name for name in frame if name.startswith(ATTRIBUTION_OF)]
    parts = []
    for name in own:
        agent = comparison.regimens.agent_named(name.removeprefix(ATTRIBUTION_OF))
        if agent is None:
            refuse(section, frame[name].dropna(), name, _("There is no such agent."), comparison.reading)
            continue
        told = frame[frame[name].notna()]
        parts.append(pd.DataFrame({"adverse_event": told["record"], "agent": agent, "causality": told[name]}))
    if "related" in frame:
        parts.append(_related(section, frame[frame["related"].notna()], resulting, comparison))
    if not own and "related" not in frame:
        return None
    columns = dict.fromkeys(("adverse_event", "agent", "causality"), TEXT)
    found = pd.concat(parts) if parts else pd.DataFrame({name: [] for name in columns}, dtype=object)
    found = found.astype(columns)
    found["record"] = found["adverse_event"] + ", " + found["agent"]
    return found[~found["record"].duplicated()]


def _related(section, told, resulting, comparison):
    regimens = _regimens_of(told["participant"], resulting)
    every = sorted(set(resulting["arm"]["regimen"].dropna()))
    agents = {name: _agents([name], comparison) for name in every}
    of_any = _agents(every, comparison)
    lists = pd.Series(
        [of_any if pd.isna(regimen) else agents.get(regimen, []) for regimen in regimens],
        told.index,
        dtype=object,
    )
    nobody = told.loc[lists.map(len) == 0, "related"]
    message = _("The participant receives no agent that could have caused the event.")
    column = comparison.reading.named[section.place].get("related", "related")
    comparison.reading.warnings.add_rows(nobody[nobody].map({True: _("yes")}), column, message)
    causality = told["related"].map({True: Causality.RELATED.value, False: Causality.NOT_RELATED.value})
    found = pd.DataFrame({"adverse_event": told["record"], "agent": lists, "causality": causality})
    return found.explode("agent").dropna(subset="agent")


def _agents(regimens, comparison):
    components = [one for name in regimens for one in comparison.regimens.components.get(name, ())]
    active = [one.agent for one in components if not one.is_placebo]
    return list(dict.fromkeys(active or [one.agent for one in components]))


def _regimens_of(codes, resulting) -> pd.Series:
    """The regimen of each participant's arm; missing where there is none, or no arm."""
    arms = codes.map(resulting["participant"]["arm"])
    return arms.map(resulting["arm"]["regimen"]).astype(TEXT)
