"""Regimens that a mapping names by their agents."""

import sqlalchemy as sa
from flask_babel import gettext as _

from tracker.extensions import db
from tracker.models import Agent, Regimen, RegimenComponent
from tracker.terms.regimen import ComponentRole, MechanismClass, Modality
from tracker.values import Refusal, fold

#: Between the agents' names in the name of a regimen.
SEPARATOR = " + "


class Regimens:
    """The stored regimens, and those that an import will create.

    ids: of the stored ones by name. missing: the agents of each to create, by its name.
    """

    def __init__(self):
        self.missing: dict[str, list[str]] = {}
        rows = db.session.execute(
            sa.select(Regimen.name, Regimen.id, Regimen.withdrawn_at)
            .order_by(Regimen.id)
            .execution_options(include_withdrawn=True)
        ).all()
        self.ids = {name: key for name, key, withdrawn_at in rows if withdrawn_at is None}
        self._names = {fold(name) for name, _key, _withdrawn in rows}
        self._agents = {
            fold(agent.name): agent
            for agent in db.session.scalars(sa.select(Agent).execution_options(include_withdrawn=True))
        }
        names = {key: name for name, key in self.ids.items()}
        parts: dict[str, set] = {}
        for key, agent in db.session.execute(
            sa.select(RegimenComponent.regimen_id, Agent.name)
            .join(Agent)
            .order_by(RegimenComponent.regimen_id)
        ):
            if key in names:
                parts.setdefault(names[key], set()).add(fold(agent))
        self._by_agents = {frozenset(agents): name for name, agents in reversed(parts.items())}

    def name_of(self, joined: str) -> str:
        """The name of the regimen of exactly these agents, their names joined; noted where there is none."""
        agents = joined.split(SEPARATOR)
        key = frozenset(map(fold, agents))
        if key not in self._by_agents:
            if fold(joined) in self._names:
                raise Refusal(
                    _("A regimen named %(name)s exists, but not of these agents alone.", name=joined)
                )
            for agent in agents:
                if (stored := self._agents.get(fold(agent))) and stored.withdrawn_at:
                    raise Refusal(_("The agent %(name)s is withdrawn; restore it first.", name=agent))
            self.missing[joined] = agents
            self._by_agents[key] = joined
        return self._by_agents[key]

    def store(self):
        """Create what is missing; afterwards `ids` has every regimen."""
        for name, agents in self.missing.items():
            components = [
                RegimenComponent(agent=self._agent(agent), role=ComponentRole.BACKBONE) for agent in agents
            ]
            rationale = "as in the source" if len(agents) > 1 else None
            regimen = Regimen(name=name, rationale=rationale, components=components)
            db.session.add(regimen)
            db.session.flush()
            self.ids[name] = regimen.id

    def _agent(self, name):
        key = fold(name)
        if key not in self._agents:
            # What the source calls placebo is one; of all else it does not tell the mechanism.
            mechanism = MechanismClass.PLACEBO if key == "placebo" else MechanismClass.NOT_STATED
            self._agents[key] = Agent(name=name, mechanism_class=mechanism, modality=Modality.NOT_STATED)
        return self._agents[key]
