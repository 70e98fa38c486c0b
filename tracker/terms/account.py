"""Words of the trail."""

from flask_babel import lazy_gettext as _l

from tracker.terms.base import Term


class Action(Term):
    """What an audit event says was done."""

    CREATE = "create", _l("Entered")
    CHANGE = "change", _l("Changed")
    WITHDRAW = "withdraw", _l("Withdrawn")
    RESTORE = "restore", _l("Restored")
