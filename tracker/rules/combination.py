"""The ledger of combinations: which results are set beside each other, and what may then be said.

Sources: Bliss, Ann Appl Biol 1939;26:585-615 (independent action); Palmer and Sorger, Cell 2017;171:1678-1691; the
order in which comparators are chosen, and the minimum numbers, are this center's.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from flask_babel import lazy_gettext as _l

from tracker.stats.combination import Excess, excess_over_independent_action
from tracker.stats.proportions import newcombe_difference
from tracker.terms.regimen import CombinationVerdict, ReferenceEndpoint, ResultSource

#: Participants: of fewer, in the combination or in a component, nothing is concluded.
FEW = 5

#: The rule, as the page prints it.
RULE = [
    _l(
        "Above independent action: the lower limit of the excess is above 0. Better than its best component, not above"
        " independent action: the lower limit of the difference is above 0. Otherwise: not shown better than its best"
        " component."
    ),
    _l(
        "Not assessable: a component has no result alone in that location, or the combination or a component has fewer"
        " than 5 participants. A placebo is no component."
    ),
    _l(
        "Each component's rate is, in this order: of own participants in the same randomised trial (concurrent), of"
        " other own participants (historical), published. A published combination is first set beside published"
        " components, and best beside those of its own publication. Results are never pooled over these; own groups"
        " of fewer than 5 give way to a published one."
    ),
]

_TRAITS = ("subtype", "prior_lines", "selection")


@dataclass(frozen=True)
class Group:
    """Who was given one regimen, or one agent alone, in one location: x of n responded.

    name: the agent, or the regimen. origin: the arms, or the citation. traits: what is known of the population, from
    subtype, prior_lines and selection to the values that occur. members: of own participants, where they stand in the
    frame. reference_id: of a published result.
    """

    name: str
    x: int
    n: int
    source: ResultSource
    origin: str
    traits: dict[str, frozenset] = field(default_factory=dict)
    members: pd.Index | None = None
    reference_id: int | None = None

    @property
    def rate(self) -> float:
        return self.x / self.n if self.n else np.nan

    @property
    def is_published(self) -> bool:
        return self.source is ResultSource.PUBLISHED


@dataclass(frozen=True)
class Entry:
    """One line of the ledger. components: those that have a result alone; missing: the agents that have none."""

    regimen: str
    tumor_location: str
    observed: Group
    components: list[Group]
    missing: list[str]

    @property
    def few(self) -> list[Group]:
        """The groups that are too small to conclude from."""
        return [group for group in (self.observed, *self.components) if group.n < FEW]

    @property
    def is_assessable(self) -> bool:
        return not self.missing and not self.few

    @property
    def best(self) -> Group | None:
        """The component with the highest rate; of equal ones the larger."""
        return max(self.components, key=lambda one: (one.rate, one.n)) if self.is_assessable else None

    @property
    def excess(self) -> Excess | None:
        if not self.is_assessable:
            return None
        return excess_over_independent_action(
            self.observed.x, self.observed.n, [(one.x, one.n) for one in self.components]
        )

    @property
    def difference(self) -> tuple[float, float, float] | None:
        """Observed less the best component, with Newcombe's limits."""
        best = self.best
        if best is None:
            return None
        limits = newcombe_difference(self.observed.x, self.observed.n, best.x, best.n)
        return (self.observed.rate - best.rate, *(float(one) for one in limits))

    @property
    def verdict(self) -> CombinationVerdict:
        if not self.is_assessable:
            return CombinationVerdict.NOT_ASSESSABLE
        return verdict(self.excess.low, self.difference[1])

    @property
    def differing(self) -> list[str]:
        """The traits in which a component's population is known to differ from the combination's."""
        return [
            trait
            for trait in _TRAITS
            if any(
                _alike(one.traits.get(trait), self.observed.traits.get(trait)) == 0 for one in self.components
            )
        ]


def verdict(excess_low: float, difference_low: float) -> CombinationVerdict:
    """From the lower limits of the excess over independent action and of the difference to the best component."""
    if excess_low > 0:
        return CombinationVerdict.ABOVE
    return CombinationVerdict.BETTER if difference_low > 0 else CombinationVerdict.NOT_BETTER


def ledger(
    people: pd.DataFrame, references: pd.DataFrame, regimens: pd.DataFrame, source: str
) -> list[Entry]:
    """The lines of all combinations, by regimen and location; one of own participants, and one that is published.

    people: trial, arm, regimen, tumor_location, subtype, prior_lines, randomised, and whether each is `counted` (in
    the denominator) and `responded`. references: of reference_results_frame. regimens: of regimens_frame.
    source: own, published or both.
    """
    agents = regimens.groupby("regimen", sort=True)["agent"].agg(list)
    references = references[references["endpoint"] == ReferenceEndpoint.ORR.value]
    if source == "own":
        references = references[:0]
    if source == "published":
        people = people[:0]
    alone = {names[0]: [] for names in agents if len(names) == 1}
    for regimen, names in agents.items():
        if len(names) == 1:
            alone[names[0]].append(regimen)
    # Placed by what they were given once, instead of searching all of them for each line.
    by_regimen = dict(iter(people.groupby(["regimen", "tumor_location"], sort=True)))
    by_reference = dict(iter(references.groupby(["regimen", "tumor_location"], sort=True)))
    entries = []
    for regimen, names in agents.items():
        if len(names) < 2:
            continue
        for place in sorted({place for name, place in (*by_regimen, *by_reference) if name == regimen}):
            key = (regimen, place)
            given = {
                agent: (
                    [by_regimen[one, place] for one in alone.get(agent, []) if (one, place) in by_regimen],
                    [
                        by_reference[one, place]
                        for one in alone.get(agent, [])
                        if (one, place) in by_reference
                    ],
                )
                for agent in names
            }
            if key in by_regimen:
                own = _own(regimen, by_regimen[key], ResultSource.OWN)
                entries.append(_entry(regimen, place, own, by_regimen[key], given))
            if key in by_reference:
                entries.append(_entry(regimen, place, _published(regimen, by_reference[key]), None, given))
    return entries


def _entry(regimen, place, observed, participants, given) -> Entry:
    """given: for each agent the frames of own participants and of published results of it alone in that place."""
    components, missing = [], []
    for agent, (own_frames, reference_frames) in given.items():
        own = _own_alone(agent, own_frames, participants)
        published = _published(agent, pd.concat(reference_frames), observed) if reference_frames else None
        order = (published, own) if observed.is_published else (own, published)
        known = [one for one in order if one is not None]
        chosen = next((one for one in known if one.n >= FEW), known[0] if known else None)
        if chosen is None:
            missing.append(agent)
        else:
            components.append(chosen)
    return Entry(regimen, place, observed, components, missing)


def _own(name, participants, source) -> Group:
    counted = participants[participants["counted"]]
    arms = sorted(counted["arm"].dropna().unique()) or sorted(counted["trial"].unique())
    return Group(
        name,
        int(counted["responded"].sum()),
        len(counted),
        source,
        ", ".join(arms),
        {trait: frozenset(counted[trait].dropna().unique()) for trait in _TRAITS if trait in counted},
        counted.index,
    )


def _own_alone(agent, frames, participants) -> Group | None:
    """Own participants with the agent alone: of the combination's own randomised trial, where it has such an arm."""
    if not frames:
        return None
    everybody = pd.concat(frames)
    if participants is not None and len(participants) and participants["randomised"].all():
        same = everybody[everybody["trial"].isin(participants["trial"].unique())]
        if same["counted"].sum() >= FEW and set(same["trial"]) == set(participants["trial"]):
            return _own(agent, same, ResultSource.CONCURRENT)
    if not everybody["counted"].any():
        return None
    return _own(agent, everybody, ResultSource.HISTORICAL)


def _published(name, results: pd.DataFrame, beside: Group | None = None) -> Group:
    """Of several published results the one in the population nearest to the other's; of equally near the largest."""

    def nearness(row):
        if beside is None:
            return (row.n,)
        known = [_alike(_known(getattr(row, trait)), beside.traits.get(trait)) for trait in _TRAITS]
        return (beside.is_published and row.citation == beside.origin, *known, row.n)

    row = max(results.itertuples(index=False), key=nearness)
    return Group(
        name,
        int(row.x),
        int(row.n),
        ResultSource.PUBLISHED,
        row.citation,
        {trait: _known(getattr(row, trait)) for trait in _TRAITS},
        reference_id=int(row.reference_id),
    )


def _known(value) -> frozenset:
    return frozenset() if pd.isna(value) else frozenset([value])


def _alike(one: Iterable | None, other: Iterable | None) -> int:
    """2: the same values; 1: not known of one of them; 0: others."""
    if not one or not other:
        return 1
    return 2 if one == other else 0
