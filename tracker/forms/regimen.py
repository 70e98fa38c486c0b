"""Forms of agents, regimens and reference results."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.forms.base import RecordForm
from tracker.forms.fields import (
    CheckboxField,
    CodeField,
    CodeListField,
    IntegerField,
    NumberField,
    OwnerField,
    RecordField,
    RowForm,
    RowsField,
    TermField,
    TextField,
)
from tracker.models import Agent, ReferenceResult, Regimen, RegimenComponent
from tracker.terms.codes import tissues
from tracker.terms.participant import PriorLines, Subtype
from tracker.terms.regimen import ComponentRole, DoseUnit, MechanismClass, Modality, ReferenceEndpoint, Route


class AgentForm(RecordForm):
    model = Agent
    sections = [(_l("Agent"), ["name", "code", "target", "mechanism_class", "modality", "developer"])]

    name = TextField(
        _l("Name"),
        maximum=100,
        free=False,
        help=_l("The international nonproprietary name, such as pembrolizumab."),
    )
    code = CodeField(_l("Code"), optional=True, help=_l("The developer's, such as MK-3475."))
    target = TextField(_l("Target"), maximum=100, optional=True, free=False)
    mechanism_class = TermField(
        _l("Mechanism class"),
        MechanismClass,
        help=_l("A placebo never counts as a component of a combination."),
    )
    modality = TermField(_l("Modality"), Modality)
    developer = TextField(_l("Developer"), optional=True, free=False)


class ComponentForm(RowForm):
    agent = RecordField(_l("Agent"), Agent)
    role = TermField(_l("Role"), ComponentRole)
    dose = NumberField(_l("Dose"), optional=True, minimum=0, maximum=1e15)
    unit = TermField(_l("Unit"), DoseUnit, optional=True)
    route = TermField(_l("Route"), Route, optional=True)
    schedule = TextField(_l("Schedule"), maximum=100, optional=True, free=False)
    start_day = IntegerField(_l("Start day"), optional=True, minimum=-1000, maximum=1000)


class RegimenForm(RecordForm):
    model = Regimen
    sections = [(_l("Regimen"), ["name", "rationale"]), (_l("Components"), ["components"])]

    name = TextField(_l("Name"), free=False, help=_l("Such as pembrolizumab + lenvatinib."))
    rationale = TextField(
        _l("Rationale"),
        multiline=True,
        maximum=5000,
        optional=True,
        help=_l("Required when two or more agents combine."),
    )
    components = RowsField(
        _l("Components"),
        ComponentForm,
        RegimenComponent,
        help=_l("The agents in their order, with dose and schedule."),
    )

    def validate(self, extra_validators=None):
        sound = super().validate(extra_validators)
        rows = [entry.form for entry in self.components]
        agents = [row.agent.data for row in rows if row.agent.data is not None]
        if len({agent.id for agent in agents if not agent.is_placebo}) > 1 and not self.rationale.data:
            self.rationale.errors = [
                *self.rationale.errors,
                _("Say why these agents may work better together."),
            ]
            sound = False
        for row in rows:
            if row.dose.data == 0:
                row.dose.errors = [*row.dose.errors, _("Write a dose above 0, or leave it empty.")]
                sound = False
            if (row.dose.data is None) != (row.unit.data is None):
                row.unit.errors = [*row.unit.errors, _("Give both dose and unit, or neither.")]
                sound = False
            if row.start_day.data == 0:
                row.start_day.errors = [
                    *row.start_day.errors,
                    _("There is no day 0: the first day is day 1."),
                ]
                sound = False
        return sound


class ReferenceResultForm(RecordForm):
    model = ReferenceResult
    needs = "regimen"
    sections = [
        (_l("Population"), ["regimen", "tumor_location", "subtype", "prior_lines", "selection"]),
        (_l("Result"), ["endpoint", "n", "x", "rate", "x_is_rounded", "citation"]),
    ]

    regimen = OwnerField(_l("Regimen"), Regimen)
    tumor_location = CodeListField(_l("Tumor location"), tissues)
    subtype = TermField(_l("Subtype"), Subtype, optional=True)
    prior_lines = TermField(_l("Prior lines"), PriorLines, optional=True)
    selection = TextField(
        _l("Selection"), maximum=300, optional=True, help=_l("Such as PD-L1 CPS at least 10.")
    )
    endpoint = TermField(_l("Endpoint"), ReferenceEndpoint, default=ReferenceEndpoint.ORR)
    n = IntegerField(_l("Participants in all"), minimum=1, maximum=1_000_000)
    x = IntegerField(
        _l("Participants with the endpoint"),
        minimum=0,
        maximum=1_000_000,
        optional=True,
        help=_l("The number, or the rate beside it."),
    )
    rate = NumberField(
        _l("Their rate, in %"),
        minimum=0,
        maximum=100,
        optional=True,
        help=_l("Where a publication tells no number: it is computed from the rate, rounded, and marked so."),
    )
    x_is_rounded = CheckboxField(_l("The number was computed from a published rate and rounded"))
    citation = TextField(
        _l("Citation"), maximum=500, free=False, help=_l("DOI, PMID, or author, journal and year.")
    )

    def __init__(self, record=None, **kwargs):
        super().__init__(record, **kwargs)
        if record is not None:  # of which the number is known
            del self.rate
            self.sections = [
                (title, [name for name in names if name in self]) for title, names in self.sections
            ]

    def validate(self, extra_validators=None):
        if "rate" not in self:
            sound = super().validate(extra_validators)
            if self.x.data is None and not self.x.errors:
                self.x.errors = [self.x.missing()]
            return sound and not self.x.errors
        typed, n = self.x.data, self.n.data
        if self.rate.data is not None and n is not None:
            rounded = round(self.rate.data / 100 * n)
            if typed is None and not self.x.errors:
                self.x.data, self.x_is_rounded.data = rounded, True
        sound = super().validate(extra_validators)
        if typed is None and self.rate.data is None and not (self.x.errors or self.rate.errors):
            self.x.errors = [_("Give this number, or the rate.")]
            return False
        if typed is not None and self.rate.data is not None and n is not None and typed != rounded:
            self.rate.errors = [
                *self.rate.errors,
                _("This is not the rate of %(x)d among %(n)d; give one of both.", x=typed, n=n),
            ]
            return False
        return sound

    def populate_obj(self, record):
        """The rate is kept as published, as long as it is the one that gave the number."""
        super().populate_obj(record)
        rate = self.rate.data if "rate" in self else None
        if rate is not None and record.x_is_rounded:
            record.published_rate = rate / 100
        elif record.published_rate is not None and round(record.published_rate * record.n) != record.x:
            record.published_rate = None
