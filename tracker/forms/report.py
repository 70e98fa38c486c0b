"""What a report is asked. Its parameters bear the same names in addresses and in commands."""

import functools
from collections.abc import Callable

import wtforms
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict

from tracker import clock
from tracker.forms.fields import DateField
from tracker.reads.participant import MASKED, TREATMENT, Combination
from tracker.terms.biomarker import MarkerStatus, Timepoint
from tracker.terms.codes import diagnoses, tissues
from tracker.terms.participant import PriorLines, Subtype
from tracker.terms.trial import Setting
from tracker.values import Refusal, read_integer, read_number, read_term

#: Values that a refusal lists.
LISTED = 20

#: What participants can be grouped by.
GROUPINGS = [
    "trial",
    "arm",
    "cohort",
    "regimen",
    "combination",
    "tumor_location",
    "diagnosis",
    "subtype",
    "prior_lines",
    "marker",
]

#: The largest number that may be given of days, or of markers tried.
MOST = 1_000_000

#: Groupings that one table may have.
AT_ONCE = 2

#: Columns of participants that hold terms.
TERMS = {"subtype": Subtype, "combination": Combination, "prior_lines": PriorLines, "setting": Setting}


def one_of(names) -> str:
    """What may be written instead, abbreviated where it is long."""
    names = [str(name) for name in names]
    if not names:
        return _("there is nothing to choose from yet.")
    if len(names) <= LISTED:
        return _("choose from: %(names)s.", names=", ".join(names))
    shown = ", ".join(names[:LISTED])
    return _("choose from: %(names)s … (%(count)d in all).", names=shown, count=len(names))


class FilterField(wtforms.Field):
    """A filter, which may be repeated: a participant passes who has one of its values.

    terms: an enumeration or code list of which every term is a value, even of nobody. Otherwise, and besides,
    the values are those that exist in the reader's scope: `find`, which must be set before `choose`, tells them
    when they are needed.
    """

    #: Whether it chooses participants; else the report itself follows it.
    narrows = True

    def __init__(self, label=None, terms=None, **kwargs):
        super().__init__(label, default=list, **kwargs)
        self.terms = terms
        self.find: Callable[[], list[str]] = list

    @functools.cached_property
    def values(self) -> list[str]:
        return self.find()

    def process_formdata(self, valuelist):
        self.data = [text for text in valuelist if text.strip()]

    def choose(self):
        """Turn what was written into values; refuse what is none."""
        self.data = list(dict.fromkeys(self._read(text) for text in self.data))

    def _read(self, text):
        if text in self.values:
            return text
        if self.terms is not None:
            try:
                return str(read_term(text, self.terms))
            except Refusal:
                names = dict.fromkeys([*(str(term) for term in self.terms), *self.values])
                raise ValueError(one_of(names)) from None
        raise ValueError(one_of(self.values))

    def words(self) -> str:
        """What was chosen, in words."""
        return ", ".join(value_label(self.name, value) for value in self.data)

    def options(self) -> list[tuple[str, str]]:
        """(value, label) of what a page offers: what exists in scope, and what is chosen."""
        offered = sorted({*self.values, *(self.data)}, key=value_order(self.name))
        return [(value, value_label(self.name, value)) for value in offered]


class GroupingField(wtforms.Field):
    """One or two columns by which participants are grouped: `by=a,b`, or `by` repeated."""

    kind = "groups"

    def __init__(self, label=None, names=(), **kwargs):
        super().__init__(label, default=list, **kwargs)
        self.names = names

    def process_formdata(self, valuelist):
        written = [name.strip() for text in valuelist for name in text.split(",")]
        self.data = list(dict.fromkeys(name for name in written if name))
        if not set(self.data) <= set(self.names):
            raise ValueError(one_of(self.names))
        if len(self.data) > AT_ONCE:
            raise ValueError(_("group by at most two of: %(names)s.", names=", ".join(self.names)))

    def words(self) -> str:
        return ", ".join(column_label(name) for name in self.data)

    def options(self):
        return [(name, column_label(name)) for name in self.names]


class ChoiceField(wtforms.Field):
    """One of a few values.

    choices: labels by value. open: what it means when nothing is chosen, where there is no default.
    """

    kind = "choice"

    def __init__(self, label=None, choices=None, open=None, **kwargs):
        super().__init__(label, **kwargs)
        self.choices, self.open = choices, open

    def process_formdata(self, valuelist):
        written = [text for text in valuelist if text]
        if len(written) > 1 or not set(written) <= set(self.choices):
            raise ValueError(one_of(self.choices))
        if written:
            self.data = written[0]

    def words(self) -> str:
        return str(self.choices[self.data] if self.data else self.open)

    def options(self):
        return list(self.choices.items())


class MarkerField(wtforms.Field):
    """The assay whose baseline value tells participants apart, by its name. find: tells the assays that exist.

    several: whether it may be repeated; the others are then `more`.
    """

    kind = "choice"
    open = "—"

    def __init__(self, label=None, several=False, **kwargs):
        super().__init__(label, **kwargs)
        self.find: Callable[[], list[str]] = list
        self.several = several
        self.more: list[str] = []

    @functools.cached_property
    def names(self) -> list[str]:
        return self.find()

    @property
    def columns(self) -> dict[str, str]:
        """The column of the status by each of the others."""
        return {name: f"marker_{place}" for place, name in enumerate(self.more, start=2)}

    def process_formdata(self, valuelist):
        written = list(dict.fromkeys(text for text in valuelist if text))
        if len(written) > 1 and not self.several:
            raise ValueError(_("name one assay."))
        self.data = written[0] if written else None
        self.more = written[1:]

    def words(self) -> str:
        return ", ".join([self.data, *self.more]) if self.data else ""

    def options(self):
        return [(name, name) for name in self.names]


class GroupField(wtforms.Field):
    """An arm as TRIAL/ARM, or a trial. find: tells those that exist in the reader's scope."""

    kind = "choice"
    open = _l("chosen by rule")

    def __init__(self, label=None, **kwargs):
        super().__init__(label, **kwargs)
        self.find = list

    @functools.cached_property
    def names(self) -> list[str]:
        return self.find()

    def process_formdata(self, valuelist):
        written = [text for text in valuelist if text]
        if len(written) > 1:
            raise ValueError(_("name one arm or one trial."))
        self.data = written[0] if written else None

    def words(self) -> str:
        return self.data or str(self.open)

    def options(self):
        return [(name, name) for name in self.names]


class CutoffField(wtforms.Field):
    """The value at or above which a marker is positive."""

    kind = "text"

    def process_formdata(self, valuelist):
        try:
            self.data = read_number(next((text for text in valuelist if text), None))
        except Refusal as refusal:
            raise ValueError(refusal.message) from None

    def words(self) -> str:
        return "" if self.data is None else f"{self.data:g}"


class CountField(wtforms.Field):
    """A whole number, 1 or more: how many, or how many days."""

    kind = "text"

    def process_formdata(self, valuelist):
        try:
            self.data = read_integer(
                next((text for text in valuelist if text), None), minimum=1, maximum=MOST
            )
        except Refusal as refusal:
            raise ValueError(refusal.message) from None

    def words(self) -> str:
        return "" if self.data is None else str(self.data)


class ReportForm(wtforms.Form):
    """The parameters of every report; a report's own form adds its own."""

    trial = FilterField(_l("Trial"))
    arm = FilterField(_l("Arm"))
    cohort = FilterField(_l("Cohort"))
    regimen = FilterField(_l("Regimen"))
    tumor_location = FilterField(_l("Tumor location"), tissues)
    diagnosis = FilterField(_l("Diagnosis"))
    subtype = FilterField(_l("Subtype"), Subtype)
    combination = FilterField(_l("Combination"), Combination)
    prior_lines = FilterField(_l("Prior lines"), PriorLines)
    setting = FilterField(_l("Setting"), Setting)
    marker = MarkerField(_l("Marker"))
    cutoff = CutoffField(_l("Positive at or above"), description=_l("as the assay says"))
    as_of = DateField(_l("Records up to"), optional=True)

    #: Whether it tells of participants, whose settings and markers then matter; else of what is found about them.
    is_of_participants = True

    #: The setting that is shown where a rate would mix several.
    preferred_setting = Setting.ADVANCED

    #: Whether a marker must have a cutoff, given or the assay's.
    needs_cutoff = True

    #: Whether other assays of the marker's biomarker are read, too.
    compares_assays = False

    #: The Marker that the report is about, and other assays of its biomarker, once they are known.
    marked = None
    others = ()

    def __init__(self, arguments: MultiDict):
        """Raises Refusal for a parameter or a value that does not exist."""
        super().__init__(arguments)
        for name in arguments:
            if name not in self:
                names = ", ".join(field.name for field in self)
                raise Refusal(
                    _("There is no parameter %(name)s; there are: %(names)s.", name=name[:40], names=names)
                )
        self._refuse_faults()
        self.as_of.data = self.as_of.data or clock.today()

    def choose(self, values: Callable[[str], list[str]]):
        """Read the filters. values: from a filter's name, or "marker", to what exists in the reader's scope."""
        for field in self.filters:
            field.find = functools.partial(values, field.name)
            try:
                field.choose()
            except ValueError as error:
                field.process_errors.append(str(error))
        self.marker.find = functools.partial(values, "marker")
        if self.marker.data is not None and not {self.marker.data, *self.marker.more} <= set(
            self.marker.names
        ):
            self.marker.process_errors.append(one_of(self.marker.names))
        if "marker" in self.own.get("by", []) and self.marker.data is None:
            self.marker.process_errors.append(one_of(self.marker.names))
        self._refuse_faults()

    def _refuse_faults(self):
        for field in self:
            for message in field.process_errors:
                message = _("%(parameter)s: %(message)s", parameter=field.name, message=message)
                raise Refusal(message, field.name)

    @property
    def filters(self) -> list[FilterField]:
        return [field for field in self if isinstance(field, FilterField)]

    @property
    def marker_times(self) -> list:
        """The parameters that say when the marker was measured, in reports that can begin at a landmark."""
        return []

    @property
    def landmark_days(self) -> int | None:
        """From where time counts, for a marker on treatment."""
        return None

    @property
    def own(self) -> dict:
        """The parameters that this report alone has, with their values."""
        shared = [*self.filters, self.marker, self.cutoff, *self.marker_times, self.as_of]
        return {field.name: field.data for field in self if field not in shared}

    @property
    def groups(self) -> list[str]:
        """The columns that make the groups of which rates are told; no group mixes settings."""
        return self.own.get("by", [])

    @property
    def uses_marker(self) -> bool:
        """Whether the marker is more than a parameter that this report has no use for."""
        return "marker" in self.groups

    @property
    def arguments(self) -> dict:
        """What the report's function is given besides its frames."""
        return self.own

    def effective(self) -> dict:
        """Every parameter with the value that took effect; of the filters those that were set."""
        values = {field.name: field.data for field in self.filters if field.data} | self.own
        if self.marker.data is not None:
            named = [self.marker.data, *self.marker.more] if self.marker.more else self.marker.data
            values |= {"marker": named, "cutoff": self.cutoff.data}
        return values | {"as_of": self.as_of.data.isoformat()}


class LandmarkForm(ReportForm):
    """The parameters of a report whose marker may be one on treatment; time then begins at the landmark."""

    timepoint = ChoiceField(
        _l("Measured"),
        {one.value: one.label for one in (Timepoint.BASELINE, Timepoint.ON_TREATMENT)},
        default=Timepoint.BASELINE.value,
    )
    landmark = CountField(_l("Landmark (days)"), description=_l("on treatment only"))

    def choose(self, values):
        on_treatment = self.timepoint.data == Timepoint.ON_TREATMENT.value
        if on_treatment and self.marker.data is None:
            self.timepoint.process_errors.append(_("name the marker."))
        elif on_treatment and self.landmark.data is None:
            self.landmark.process_errors.append(
                _("a marker on treatment needs a landmark: the days after which time begins.")
            )
        elif on_treatment and self.counted is None:
            self.landmark.process_errors.append(_("this endpoint has no landmark; choose another."))
        elif self.landmark.data is not None and not on_treatment:
            self.landmark.process_errors.append(_("only with timepoint=on treatment."))
        super().choose(values)

    @property
    def marker_times(self):
        return [self.timepoint, self.landmark]

    @property
    def landmark_days(self):
        return self.landmark.data

    @property
    def counted(self) -> str | None:
        """What must not have ended by the landmark: response, or the name of a time; None where neither can be."""
        return self.endpoint.data

    def effective(self):
        times = {one.name: one.data for one in self.marker_times} if self.landmark_days is not None else {}
        return super().effective() | times


def column_label(name: str) -> str:
    """The head of a column of groups."""
    return _("Group") if name == "group" else str(getattr(ReportForm, name).args[0])


def value_label(name: str, value) -> str:
    """A group or a filter's value in the reader's words."""
    if value is None or value != value:
        return _("not stated")
    if value == MASKED and name in (*TREATMENT, "agent"):
        return _("masked")
    if name == "marker":
        return str(MarkerStatus(value).label)
    if name == "tumor_location":
        return tissues.label(value, str(get_locale()))
    if name == "diagnosis":
        return diagnoses.label(value, str(get_locale()))
    if name == "group":
        return _("All participants")
    terms = TERMS.get(name)
    return str(terms(value).label) if terms else value


def value_order(name: str):
    """The sort key of a column of groups: prior lines by number, all else by letter."""
    ordered = {"prior_lines": PriorLines, "marker": MarkerStatus}.get(name)
    if ordered:
        places = {term.value: place for place, term in enumerate(ordered)}
        return lambda value: (places.get(value, len(places)), value)
    return lambda value: (value.casefold(), value)
