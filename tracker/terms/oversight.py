"""Words of queries and signatures."""

from flask_babel import lazy_gettext as _l

from tracker.terms.base import Term


class QueryState(Term):
    OPEN = "open", _l("Open")
    ANSWERED = "answered", _l("Answered")
    CLOSED = "closed", _l("Closed")


class SignatureMeaning(Term):
    """What somebody says by signing (21 CFR 11.50)."""

    AUTHOR = "author", _l("author")
    REVIEWED = "reviewed", _l("reviewed")
    APPROVED = "approved", _l("approved")
    RESPONSIBLE = "responsible investigator", _l("responsible investigator")
