"""Words of queries."""

from flask_babel import lazy_gettext as _l

from tracker.terms.base import Term


class QueryState(Term):
    OPEN = "open", _l("Open")
    ANSWERED = "answered", _l("Answered")
    CLOSED = "closed", _l("Closed")
