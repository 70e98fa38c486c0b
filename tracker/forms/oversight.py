"""Forms of queries: asking, answering, closing; and of comments."""

import re

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.extensions import db
from tracker.forms.base import Conflict, RecordForm
from tracker.forms.fields import (
    CheckboxField,
    ChoiceField,
    RecordField,
    RowForm,
    RowsField,
    TermField,
    TextField,
)
from tracker.models import Comment, Mention, Participant, Query, QueryMessage, Trial, User
from tracker.reads.evidence import users_named
from tracker.roles import Permission
from tracker.terms.oversight import QueryAge, QueryOrigin, QueryState, QueryStep
from tracker.values import Refusal, read_integer


class MessageForm(RowForm):
    """What a query's history calls its messages."""

    step = TermField(_l("Step"), QueryStep)
    text = TextField(_l("Words"), optional=True)
    author = RecordField(_l("Author"), User, optional=True)
    at = TextField(_l("When"), optional=True)


class AskedAboutField(RecordField):
    """Whose queries a list shows: the address names the participant, as there are too many to choose from."""

    def options(self):
        named = db.session.get(self.model, read_integer(request.args.get(self.name), minimum=1) or 0)
        return [(named.id, str(named))] if named is not None else []


class QueryForm(RecordForm):
    """How a query is shown and listed."""

    model = Query
    sections = [
        (_l("Query"), ["trial", "participant", "record_type", "field", "asked_value", "question", "state"])
    ]

    trial = RecordField(_l("Trial"), Trial)
    participant = AskedAboutField(_l("Participant"), Participant, optional=True)
    record_type = TextField(_l("Kind of record"))
    field = TextField(_l("Field"))
    asked_value = TextField(_l("Value when asked"), optional=True)
    question = TextField(_l("Question"))
    state = TermField(_l("State"), QueryState)
    origin = TermField(_l("Opened by"), QueryOrigin, optional=True)
    age = TermField(_l("Opened"), QueryAge, optional=True)
    opened_by = RecordField(_l("Opened by"), User, optional=True)
    is_found = CheckboxField(_l("The rule finds it"))
    messages = RowsField(_l("Message"), MessageForm, QueryMessage, least=0)


class WhichField(ChoiceField):
    """A field of the record that is asked about."""

    def __init__(self, label=None, *, _form=None, **kwargs):
        super().__init__(label, _form=_form, **kwargs)
        self.around = _form

    def options(self):
        return self.around.choices

    def read(self, text):
        if text and text not in dict(self.around.choices):
            raise Refusal(_("Choose one of the list."))
        return text or None


class AskForm(RecordForm):
    """A question about a field of a record."""

    model = Query
    sections = [(_l("Query"), ["field", "question"])]

    submit_label = _l("Ask")

    field = WhichField(_l("Field"))
    question = TextField(_l("Question"), multiline=True, maximum=500)

    def __init__(self, choices, **kwargs):
        """choices: (name, label) of each field that can be asked about."""
        self.choices = choices
        super().__init__(**kwargs)

    @property
    def first_field(self):
        return self.question if self.field.data and not self.is_submitted() else super().first_field

    def told(self, record, is_new):
        return _("The query is open.")


class StepForm(RecordForm):
    """A step of a query: what is said goes into its messages, by `actions.take_step`."""

    model = Query

    def populate_obj(self, record):
        """The step does it."""

    @property
    def conflicting(self):
        """Whatever somebody else said meanwhile, the step may not be right any more."""
        return ["text"] if self.is_stale else []

    def show_conflicts(self, shown, who, when):
        last = self.record.messages[-1] if self.record.messages else None
        words = ": ".join(filter(None, [str(self.record.state.label), last and last.text]))
        self.text.conflict = Conflict(words, who, when)
        self.version.data = str(self.record.version)
        self.version.raw_data = None


class AnswerForm(StepForm):
    sections = [(_l("Answer"), ["text"])]

    text = TextField(_l("Answer"), multiline=True, maximum=1000)

    def told(self, record, is_new):
        return _("The query is answered.")


class CloseForm(StepForm):
    """Whether the answer settles the query."""

    sections = [(_l("Decision"), ["state", "text"])]

    state = TermField(_l("The query is now"), [QueryState.CLOSED, QueryState.OPEN])
    text = TextField(
        _l("Remark"),
        multiline=True,
        maximum=1000,
        optional=True,
        help=_l("Needed to open it again, and to close what nobody answered."),
    )

    def __init__(self, record, **kwargs):
        super().__init__(record, **kwargs)
        self.state.terms = [state for state in self.state.terms if state is not record.state]
        if not self.is_submitted():
            self.state.data = QueryState.OPEN if record.state is QueryState.CLOSED else QueryState.CLOSED

    def told(self, record, is_new):
        is_closed = self.state.data is QueryState.CLOSED
        return _("The query is closed.") if is_closed else _("The query is open again.")


#: A name of an account after an @ that follows no letter, so that an address is none.
_MENTION = re.compile(r"(?<![\w.])@(\w+(?:[.-]\w+)*)")


class CommentForm(RecordForm):
    """What is said about a record; @name tells somebody."""

    model = Comment
    sections = [(_l("Comment"), ["text"])]

    text = TextField(
        _l("Comment"),
        multiline=True,
        maximum=5000,
        help=_l("Write @ before the name of an account to tell that person."),
    )
    #: Not typed; lists and histories show it.
    author = RecordField(_l("Author"), User, optional=True)

    def __init__(self, record=None, trial_id=None, **kwargs):
        """trial_id: the trial of the record that is commented on, if it has one."""
        self.trial_id = trial_id
        super().__init__(record, **kwargs)

    def validate(self, extra_validators=None):
        sound = super().validate(extra_validators)
        names = list(dict.fromkeys(name.lower() for name in _MENTION.findall(self.text.data or "")))
        found = users_named(names) if names else {}
        self.mentioned = [found[name] for name in names if name in found]
        deaf = [name for name in names if name not in found or not self._may_read(found[name])]
        if deaf:
            told = _(
                "Nobody of this name may read it: %(names)s.", names=", ".join(f"@{name}" for name in deaf)
            )
            self.text.errors = [*self.text.errors, told]
        return sound and not deaf

    def _may_read(self, user):
        trials = {one.trial_id for one in user.memberships}
        sees = user.may(Permission.SEE_ALL_TRIALS) or self.trial_id is None or self.trial_id in trials
        return sees and user.may(Permission.READ_FINDINGS)

    def populate_obj(self, record):
        super().populate_obj(record)
        record.mentions[:] = [Mention(user=user) for user in self.mentioned]
        record.mentions.reorder()
