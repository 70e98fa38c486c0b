"""The page on which a file's columns are mapped: what it shows of a plan, and the plan that its form says."""

import re
from dataclasses import dataclass, field

import sqlalchemy as sa
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.exchange.fields import DATE, STUDY_DAY, UNITS
from tracker.exchange.guessing import (
    DATE_FORMATS,
    needs_translation,
    origin_for,
    translations,
)
from tracker.exchange.outline import Column, Outline
from tracker.exchange.plan import CODE, SINGLE, Plan, every_field, fields_of
from tracker.exchange.sections import ATTRIBUTION_OF, SECTIONS, terms_of
from tracker.extensions import db
from tracker.models import Arm, Assay, Biomarker, Cohort, Trial
from tracker.terms.biomarker import BiomarkerKind, Scale
from tracker.terms.codes import CodeList, tissues
from tracker.terms.trial import ArmType, Design, Phase, ResponseCriteria, Setting
from tracker.values import Refusal
from tracker.views.records import KINDS

#: What a page may say of how the file is read.
ENCODINGS = ("utf-8", "cp1252", "latin-1", "utf-16", "utf-16-le", "utf-16-be", "iso-8859-15", "mac-roman")
DELIMITERS = ((",", ","), (";", ";"), ("\t", "Tab"), ("|", "|"))

#: Of a new trial, what the page asks; the rest is entered on the trial's own page.
TRIAL_FIELDS = ("code", "title", "design", "phase", "setting", "response_criteria")

#: A value that is stored as it stands; one for which nothing is chosen yet; one that is taken for missing.
AS_IT_IS, OPEN, MISSING = "=", "?", ""

#: What no form has a label of.
_LABELS = {
    "adverse_event.related": _l("Related to the treatment"),
    "lesion_measurement.lesion": _l("Label of the lesion"),
    "lesion_measurement.diameter_mm": _l("Diameter (mm)"),
    "lesion_measurement.state": _l("State of the lesion"),
    "reference_result.rate": _l("Response rate (0 to 1)"),
    "measurement.assay": _l("Name of the assay, where each row has one value"),
    "measurement.value": _l("Value of that assay"),
    "measurement.unit": _l("Unit of that value"),
}
_ASSAY_KEYS = ("biomarker", "kind", "scale", "unit", "positive_cutoff")


@dataclass
class Value:
    text: str
    chosen: str
    is_readable: bool


@dataclass
class Use:
    """One field that a column gives: its values to translate, its unit or its format, where it has these."""

    target: str
    label: str
    values: list[Value] = field(default_factory=list)
    options: list[tuple[str, str]] = field(default_factory=list)
    is_whole: bool = True
    other: str = OPEN
    units: list[str] = field(default_factory=list)
    unit: str | None = None
    formats: tuple[str, ...] = ()
    date_format: str = ""
    assay: dict | None = None

    @property
    def unclear(self) -> int:
        return sum(value.chosen == OPEN for value in self.values)


@dataclass
class Line:
    """A column of the file with what it gives."""

    number: int
    column: Column
    uses: list[Use]


@dataclass
class Constant:
    target: str
    value: str
    options: list[tuple[str, str]]


class MappingPage:
    """What the page shows of a plan, for a file and who imports it."""

    def __init__(self, plan: Plan, outline: Outline, trial: Trial | None, everything: bool):
        self.plan, self.outline, self.trial, self.everything = plan, outline, trial, everything
        self.known_arms, self.known_cohorts = _known(Arm.code, trial), _known(Cohort.name, trial)
        self.assays = list(db.session.scalars(sa.select(Assay.name).order_by(Assay.name)))
        self.biomarkers = list(db.session.scalars(sa.select(Biomarker.name).order_by(Biomarker.name)))
        self.decimal = plan.source.get("decimal", ".")
        uses = plan.columns
        self.lines = [
            Line(number, column, [self._use(target, column) for target in uses.get(column.name, [])])
            for number, column in enumerate(outline.columns)
        ]
        self.groups = self._groups()

    # What may be chosen

    def _groups(self):
        """The fields by section, as the list of a column offers them."""
        groups = []
        if self.everything:
            for section in SINGLE:
                title = str(SECTIONS[section].model.titles[0])
                groups.append((title, [(name, label_of(name)) for name in fields_of(section)]))
        else:
            groups.append((str(SECTIONS["participant"].model.titles[0]), [(CODE, label_of(CODE))]))
            specimens = [(name, label_of(name)) for name in fields_of("specimen")]
            groups.append((str(SECTIONS["specimen"].model.titles[0]), specimens))
        about = [(name, label_of(name)) for name in fields_of("measurement")]
        assays = [(f"assay={name}", name) for name in self.assays]
        new = [("new", _("A new assay …"))]
        return [*groups, (_("Values of an assay"), new + assays), (_("About all measurements"), about)]

    @property
    def constant_fields(self):
        return [
            (title, [one for one in options if one[0] not in (CODE, "new") and "=" not in one[0]])
            for title, options in self.groups
        ]

    def _use(self, target, column) -> Use:
        if target.startswith("assay:"):
            assay = self.plan.assays[int(target.partition(":")[2])]
            is_new = assay["assay"] not in self.assays
            return Use("new" if is_new else f"assay={assay['assay']}", assay["assay"], assay=assay)
        origin, (section, key) = self.plan.fields[target], _parts(target)
        use, one = Use(target, label_of(target)), SECTIONS[section].field(key)
        options = self.options_of(target)
        if options is not None:
            use.options, use.is_whole = options, column.is_whole
            use.values, use.other = self._values(target, column, origin.get("values")), OPEN
            use.other = origin.get("values", {}).get("*", OPEN)
        elif one.unit:
            use.units, use.unit = list(UNITS[one.unit]), origin.get("unit", one.unit)
        elif one.dtype == DATE and one is not STUDY_DAY:
            use.formats = tuple(dict.fromkeys([*DATE_FORMATS, origin.get("date_format", "")]))
            use.date_format = origin.get("date_format", "")
        return use

    def options_of(self, target) -> list[tuple[str, str]] | None:
        """The terms or codes of which a field is one."""
        section, key = _parts(target)
        if key in ("arm", "cohort"):
            return [(name, name) for name in (self.known_arms if key == "arm" else self.known_cohorts)]
        terms = terms_of(SECTIONS[section], key)
        if terms is None or (isinstance(terms, CodeList) and len(terms) > 100):
            return None
        if isinstance(terms, CodeList):
            return terms.choices(str(get_locale()))
        if terms == (True, False):
            return [("yes", _("yes")), ("no", _("no"))]
        return [(term.value, str(term.label)) for term in terms]

    def _values(self, target, column, chosen) -> list[Value]:
        is_listed = terms_of(SECTIONS[_parts(target)[0]], _parts(target)[1]) is not None
        meant = translations(target, column) if is_listed else {}
        values = []
        for text in column.values:
            one = Column(column.name, [text], True, 0)
            is_readable = not needs_translation(target, one, self.decimal)
            if chosen is None:
                picked = AS_IT_IS if is_readable else meant.get(text) or OPEN
            else:
                picked = chosen.get(text, OPEN)
                if is_readable and picked == text:
                    picked = AS_IT_IS
                elif is_listed and picked not in (OPEN, MISSING):
                    again = translations(target, Column(column.name, [picked], True, 0))
                    picked = again[picked] or picked
            values.append(Value(text, picked, is_readable))
        return values

    # What goes with it

    @property
    def needs_prefix(self) -> bool:
        return "column" not in self.plan.fields.get(CODE, {})

    @property
    def prefix(self) -> str:
        return self.plan.fields.get(CODE, {}).get("prefix", "")

    @property
    def constants(self) -> list[Constant]:
        found = [
            Constant(target, str(origin["constant"]), self.options_of(target) or [])
            for target, origin in self.plan.fields.items()
            if "constant" in origin
        ]
        wanted = ["participant.tumor_location"] if self.everything and self.has_participants else []
        if self._has_breast():
            wanted.append("participant.subtype")
        found += [
            Constant(name, "", self.options_of(name)) for name in wanted if name not in self.plan.fields
        ]
        return [*found, Constant("", "", [])]

    def _has_breast(self):
        """Whether some tumor is of the breast: then its subtype must be said too."""
        for line in self.lines:
            for use in line.uses:
                if use.target == "participant.tumor_location":
                    column = Column("", [value.text for value in use.values], True, 0)
                    meant = translations(use.target, column) | {
                        value.text: value.chosen for value in use.values if value.chosen != AS_IT_IS
                    }
                    return "BREAST" in meant.values()
        return self.plan.fields.get("participant.tumor_location", {}).get("constant") == "BREAST"

    @property
    def has_participants(self) -> bool:
        return any(name.startswith("participant.") and name != CODE for name in self.plan.fields)

    @property
    def new_arms(self) -> list[dict]:
        """The arms that the file names and the trial lacks."""
        return self._missing("participant.arm", self.known_arms, "arm", "code")

    @property
    def new_cohorts(self) -> list[dict]:
        return self._missing("participant.cohort", self.known_cohorts, "cohort", "name")

    def _missing(self, target, known, section, key):
        origin = self.plan.fields.get(target)
        if origin is None:
            return []
        if "constant" in origin:
            named = [origin["constant"]]
        else:
            column = next((one for one in self.outline.columns if one.name == origin["column"]), None)
            values = origin.get("values")
            named = list(values.values()) if values else (column.values if column else [])
        told = {one[key]: one for one in self.plan.given.get(section, [])}
        return [
            told.get(name, {key: name})
            for name in dict.fromkeys(named)
            if name and name not in known and len(name) <= 40
        ]

    @property
    def trial_terms(self) -> dict[str, list[tuple[str, str]]]:
        terms = {
            "design": Design,
            "phase": Phase,
            "setting": Setting,
            "response_criteria": ResponseCriteria,
        }
        return {name: [(term.value, str(term.label)) for term in one] for name, one in terms.items()}

    @property
    def arm_types(self):
        return [(term.value, str(term.label)) for term in ArmType]

    @property
    def locations(self):
        return tissues.choices(str(get_locale()))

    @property
    def kinds(self):
        return [(term.value, str(term.label)) for term in BiomarkerKind]

    @property
    def scales(self):
        return [(term.value, str(term.label)) for term in Scale]


def _parts(target):
    section, _dot, key = target.partition(".")
    return section, key


def _known(column, trial) -> list[str]:
    if trial is None:
        return []
    return list(
        db.session.scalars(sa.select(column).where(column.class_.trial_id == trial.id).order_by(column))
    )


def label_of(target: str) -> str:
    """A field's label, as its form says it."""
    name, key = _parts(target)
    section = SECTIONS[name]
    form = KINDS[section.owner.__tablename__].empty_form()
    if target == CODE:
        return _("Code of the participant")
    if target in _LABELS:
        return str(_LABELS[target])
    if key.startswith(ATTRIBUTION_OF):
        return _("Caused by %(agent)s", agent=key.removeprefix(ATTRIBUTION_OF))
    key = section.attributes.get(key, key)
    if key in form:
        return str(form[key].label.text)
    on = key.removesuffix("_day") + "_on"
    if on in form:
        return _("%(date)s, as study day", date=form[on].label.text)
    return key


#: A section of a mapping file, as messages name it, with the number of its table and a field of it.
_OF_A_MAPPING = re.compile(r"\[{1,2}([a-z_]+)\]{1,2}(?: ([0-9]+))?(?: ([a-z_]+)(?=: ))?")


def in_plain_words(message: str) -> str:
    """A message of the import as somebody reads it who has not written a mapping file: its sections by their titles."""

    def titled(found):
        name, number, key = found.groups()
        if name not in SECTIONS:
            return _("How the file is read") if name == "source" else found[0]
        section = SECTIONS[name]
        told = f"{section.model.titles[1 if section.is_list else 0]}{' ' + number if number else ''}"
        if key and key in section.keys:
            return f"{told}, {label_of(f'{name}.{key}')}"
        return f"{told} {key}" if key else told

    return _OF_A_MAPPING.sub(titled, str(message))


# The plan that the form says


def plan_from(form, outline: Outline, before: Plan) -> Plan:
    """The plan of a sent form. before: the plan that the page showed, for what the form does not ask."""
    plan = Plan(_source(form, before.source), dict(before.trial), dict(before.given))
    for name in TRIAL_FIELDS:
        if f"trial-{name}" in form:
            plan.trial.pop(name, None)
            if text := form[f"trial-{name}"].strip():
                plan.trial[name] = text
    for number, column in enumerate(outline.columns):
        for target in dict.fromkeys(form.getlist(f"target-{number}")):
            _take(form, plan, before, number, column, target)
    for target, text in zip(form.getlist("same-field"), form.getlist("same-value")):
        known = every_field() - {CODE}
        if target in known and text.strip() and target not in plan.fields:
            plan.fields[target] = {"constant": text.strip()}
    if CODE not in plan.fields and (prefix := form.get("prefix", "").strip()):
        plan.fields[CODE] = {"row": True, "prefix": prefix}
    for section, key, names in (("arm", "code", ("title", "type")), ("cohort", "name", ("tumor_location",))):
        _give(form, plan, section, key, names)
    return plan


def _source(form, before):
    source = dict(before)
    for name, usual in (("encoding", "utf-8"), ("delimiter", ""), ("decimal", "."), ("sheet", "")):
        if name in form:
            source.pop(name, None)
            if form[name] and form[name] != usual:
                source[name] = form[name]
    if "missing" in form:
        texts = [text.strip() for text in form["missing"].split(",")]
        source.pop("missing", None)
        if texts != ["NA", "."]:
            source["missing"] = [text for text in texts if text]
    return source


def _take(form, plan, before, number, column, target):
    """What one list of a column chose."""
    if target == "new" or target.startswith("assay="):
        name = target.partition("=")[2] or form.get(f"assay-{number}-name", "").strip() or column.name
        assay = {"assay": name, "value": {"column": column.name}}
        for key in _ASSAY_KEYS if target == "new" else ():
            text = form.get(f"assay-{number}-{key}", "").strip()
            if text:
                assay[key] = text
        if target == "new" and f"assay-{number}-scale" not in form:
            assay["scale"] = Scale.CONTINUOUS.value if column.is_number else Scale.ORDINAL.value
        if not any(one["assay"] == name for one in plan.assays):
            plan.assays.append(assay)
    elif (
        target in {name for section in (*SINGLE, "measurement") for name in fields_of(section)}
        and target not in plan.fields
    ):
        plan.fields[target] = _origin(form, plan, before, number, column, target)


def _origin(form, plan, before, number, column, target):
    section, key = _parts(target)
    decimal = plan.source.get("decimal", ".")
    origin = {"column": column.name}
    if f"values-{number}-{target}" in form:
        chosen = {
            text: form.get(f"value-{number}-{target}-{place}", OPEN)
            for place, text in enumerate(column.values)
        }
        values = {text: text if code == AS_IT_IS else code for text, code in chosen.items() if code != OPEN}
        if form.get(f"other-{number}-{target}", OPEN) != OPEN:
            values["*"] = form[f"other-{number}-{target}"]
        if values and (set(chosen.values()) != {AS_IT_IS}):
            origin["values"] = values
    elif f"unit-{number}-{target}" in form:
        unit = form[f"unit-{number}-{target}"]
        origin |= {"unit": unit} if unit != SECTIONS[section].field(key).unit else {}
    elif f"format-{number}-{target}" in form:
        origin |= (
            {"date_format": form[f"format-{number}-{target}"]} if form[f"format-{number}-{target}"] else {}
        )
    else:  # it was only just chosen
        origin = origin_for(target, column, decimal) or origin
    return origin


def _give(form, plan, section, key, names):
    """The new arms or cohorts that the form describes."""
    known = {one[key]: one for one in plan.given.get(section, [])}
    for name in form.getlist(f"{section}-{key}"):
        told = {key: name}
        for place in names:
            if text := form.get(f"{section}-{name}-{place}", "").strip():
                told[place] = text
        if section == "arm" and (agents := form.get(f"arm-{name}-regimen", "").strip()):
            told["regimen"] = [agent.strip() for agent in agents.split("+") if agent.strip()]
        known[name] = told
    plan.given[section] = list(known.values())


def refuse_unusable(plan: Plan) -> None:
    """Raise Refusal where the form leaves out what every mapping needs."""
    if CODE not in plan.fields and "measurement.specimen" not in plan.fields:
        raise Refusal(_("Say which column has the participants' codes, or number the rows."))
    if "code" not in plan.trial:
        raise Refusal(_("Say what the new trial is: its code, title and design."))
    if len(plan.fields) == 1 and not plan.assays:
        raise Refusal(_("Say of at least one more column what it holds."))
    if ("measurement.assay" in plan.fields) != ("measurement.value" in plan.fields):
        raise Refusal(_("Say both which column names the assay, and which has its value."))
    named = plan.assays or "measurement.assay" in plan.fields
    if not named and any(_parts(name)[0] == "measurement" for name in plan.fields):
        raise Refusal(_("Say which column holds the values that an assay measured."))
