"""Regimens that a mapping names by their agents."""

from dataclasses import dataclass

import sqlalchemy as sa
from flask_babel import gettext as _

from tracker.extensions import db
from tracker.models import Agent, Regimen, RegimenComponent
from tracker.terms.regimen import ComponentRole, MechanismClass, Modality
from tracker.values import Refusal, fold

#: Between the agents' names in the name of a regimen.
SEPARATOR = " + "


@dataclass(frozen=True)
class Component:
    """An agent in a regimen, with the dose that the regimen plans."""

    regimen: str
    agent: str
    is_placebo: bool
    dose: float | None = None
    unit: str | None = None

    @property
    def key(self) -> str:
        return f"{self.regimen}: {self.agent}"


class Regimens:
    """The stored regimens, and those that an import will create.

    ids, agent_ids: of the stored ones by name; component_ids: by the component's key. missing: the agents of each
    regimen to create, by its name. components: of each regimen, those to create too, by its name.
    """

    def __init__(self):
        self.missing: dict[str, list[str]] = {}
        rows = db.session.execute(
            sa.select(Regimen.name, Regimen.id, Regimen.withdrawn_at)
            .order_by(Regimen.id)
            .execution_options(include_withdrawn=True)
        ).all()
        self.ids = {name: key for name, key, withdrawn_at in rows if withdrawn_at is None}
        self._names = {fold(name): name for name, _key, _withdrawn in rows}
        self._agents = {
            fold(agent.name): agent
            for agent in db.session.scalars(sa.select(Agent).execution_options(include_withdrawn=True))
        }
        self.agent_ids = {agent.name: agent.id for agent in self._agents.values()}
        self.component_ids: dict[str, int] = {}
        self.components: dict[str, list[Component]] = {name: [] for name in self.ids}
        names = {key: name for name, key in self.ids.items()}
        parts: dict[str, set] = {}
        for number, key, agent, mechanism, dose, unit in db.session.execute(
            sa.select(
                RegimenComponent.id,
                RegimenComponent.regimen_id,
                Agent.name,
                Agent.mechanism_class,
                RegimenComponent.dose,
                RegimenComponent.unit,
            )
            .join(Agent)
            .order_by(RegimenComponent.regimen_id, RegimenComponent.position)
            .execution_options(include_withdrawn=True)
        ):
            if key in names:
                parts.setdefault(names[key], set()).add(fold(agent))
                one = Component(names[key], agent, mechanism == MechanismClass.PLACEBO, dose, unit)
                self.components[names[key]].append(one)
                self.component_ids.setdefault(one.key, number)
        self._by_agents = {frozenset(agents): name for name, agents in reversed(parts.items())}

    @property
    def ids_of(self) -> dict[str, dict[str, int]]:
        """The stored ids of what a file names, by the kind of it."""
        return {"regimen": self.ids, "agent": self.agent_ids, "component": self.component_ids}

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
            self.components[joined] = [
                Component(joined, self.agent_named(agent) or agent, self._is_placebo(agent))
                for agent in agents
            ]
            self._by_agents[key] = joined
        return self._by_agents[key]

    def named(self, text: str) -> str | None:
        """The stored regimen that a text names, by its name or by its agents; None where there is none."""
        name = self._names.get(fold(text))
        if name in self.ids:
            return name
        return self._by_agents.get(frozenset(map(fold, text.split(SEPARATOR))))

    def agent_named(self, text: str) -> str | None:
        """The name of the agent that a text names, stored or to be created; None where there is none."""
        stored = self._agents.get(fold(text))
        if stored is not None:
            return stored.name
        created = {fold(agent): agent for agents in self.missing.values() for agent in agents}
        return created.get(fold(text))

    def _is_placebo(self, agent):
        stored = self._agents.get(fold(agent))
        # What the source calls placebo is one.
        return stored.is_placebo if stored is not None else fold(agent) == "placebo"

    def store(self):
        """Create what is missing; afterwards `ids`, `agent_ids` and `component_ids` have every one."""
        for name, agents in self.missing.items():
            components = [
                RegimenComponent(agent=self._agent(agent), role=ComponentRole.BACKBONE) for agent in agents
            ]
            rationale = "as in the source" if len(agents) > 1 else None
            regimen = Regimen(name=name, rationale=rationale, components=components)
            db.session.add(regimen)
            db.session.flush()
            self.ids[name] = regimen.id
            for known, stored in zip(self.components[name], components, strict=True):
                self.component_ids[known.key] = stored.id
                self.agent_ids[known.agent] = stored.agent.id

    def _agent(self, name):
        key = fold(name)
        if key not in self._agents:
            # Of all but a placebo the source does not tell the mechanism.
            mechanism = MechanismClass.PLACEBO if self._is_placebo(name) else MechanismClass.NOT_STATED
            self._agents[key] = Agent(name=name, mechanism_class=mechanism, modality=Modality.NOT_STATED)
        return self._agents[key]
