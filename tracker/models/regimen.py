"""Agents, the regimens made of them, and published results of regimens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy.ext.orderinglist import ordering_list
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Code, Part, Record
from tracker.terms.codes import tissues
from tracker.terms.participant import PriorLines, Subtype
from tracker.terms.regimen import (
    ComponentRole,
    DoseUnit,
    MechanismClass,
    Modality,
    ReferenceEndpoint,
    Route,
)

if TYPE_CHECKING:
    from tracker.models.trial import Arm


class Agent(Record):
    """A substance, cell product or device, under its international nonproprietary name."""

    titles = _l("Agent"), _l("Agents")
    searched = ("name", "code", "target", "developer")

    name: Mapped[str] = mapped_column(sa.String(100), unique=True)
    code: Mapped[str | None] = mapped_column(sa.String(40))
    target: Mapped[str | None] = mapped_column(sa.String(100))
    mechanism_class: Mapped[MechanismClass]
    modality: Mapped[Modality]
    developer: Mapped[str | None] = mapped_column(sa.String(200))

    components: Mapped[list[RegimenComponent]] = relationship(back_populates="agent")

    def __str__(self):
        return self.name

    @property
    def is_placebo(self) -> bool:
        return self.mechanism_class == MechanismClass.PLACEBO


class Regimen(Record):
    """One or more agents given together, with doses and schedule."""

    titles = _l("Regimen"), _l("Regimens")
    searched = ("name", "rationale")

    name: Mapped[str] = mapped_column(sa.String(200), unique=True)
    rationale: Mapped[str | None] = mapped_column(sa.Text)

    components: Mapped[list[RegimenComponent]] = relationship(
        back_populates="regimen",
        cascade="all, delete-orphan",
        order_by="RegimenComponent.position",
        collection_class=ordering_list("position"),
    )
    arms: Mapped[list[Arm]] = relationship(back_populates="regimen")
    reference_results: Mapped[list[ReferenceResult]] = relationship(back_populates="regimen")

    def __str__(self):
        return self.name

    @property
    def is_combination(self) -> bool:
        """Two or more agents; a placebo never counts."""
        return (
            len({component.agent_id for component in self.components if not component.agent.is_placebo}) > 1
        )


class RegimenComponent(Part):
    """One agent of a regimen: how much, how, when."""

    owner = "regimen"
    rows = "components"

    regimen_id: Mapped[int] = mapped_column(sa.ForeignKey("regimen.id"), index=True)
    agent_id: Mapped[int] = mapped_column(sa.ForeignKey("agent.id"), index=True)
    role: Mapped[ComponentRole]
    dose: Mapped[float | None]
    unit: Mapped[DoseUnit | None]
    route: Mapped[Route | None]
    schedule: Mapped[str | None] = mapped_column(sa.String(100))
    start_day: Mapped[int | None]

    regimen: Mapped[Regimen] = relationship(back_populates="components")
    # Nobody names a component without its agent.
    agent: Mapped[Agent] = relationship(back_populates="components", lazy="joined", innerjoin=True)

    __table_args__ = (
        sa.CheckConstraint("dose > 0", name="dose_positive"),
        sa.CheckConstraint("start_day <> 0", name="start_day_not_zero"),
    )

    def __str__(self):
        dose = f"{self.dose:.15g} {self.unit.label}" if self.dose is not None else None
        start = f"day {self.start_day}" if self.start_day is not None else None
        route = self.route and str(self.route.label)
        return ", ".join(
            filter(None, [str(self.agent), str(self.role.label), dose, route, self.schedule, start])
        )


class ReferenceResult(Record):
    """A response rate that a publication gives for a regimen: x of n participants."""

    titles = _l("Reference result"), _l("Reference results")
    searched = ("citation", "selection", "tumor_location")

    regimen_id: Mapped[int] = mapped_column(sa.ForeignKey("regimen.id"), index=True)
    tumor_location: Mapped[str] = mapped_column(Code(tissues))
    subtype: Mapped[Subtype | None]
    prior_lines: Mapped[PriorLines | None]
    endpoint: Mapped[ReferenceEndpoint]
    x: Mapped[int]
    n: Mapped[int]
    x_is_rounded: Mapped[bool] = mapped_column(default=False)
    #: As it was printed, where x was computed from it.
    published_rate: Mapped[float | None]
    selection: Mapped[str | None] = mapped_column(sa.String(300))
    citation: Mapped[str] = mapped_column(sa.String(500))

    regimen: Mapped[Regimen] = relationship(back_populates="reference_results")

    __table_args__ = (
        sa.CheckConstraint("n > 0", name="n_positive"),
        sa.CheckConstraint("x BETWEEN 0 AND n", name="x_within_n"),
        sa.CheckConstraint("published_rate BETWEEN 0 AND 1", name="rate_is_fraction"),
    )

    def __str__(self):
        return f"{self.x}/{self.n}"
