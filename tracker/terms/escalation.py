"""Terms of dose escalation and of the boundaries that stop an arm."""

from flask_babel import lazy_gettext as _l

from tracker.terms.base import Term


class DltStatus(Term):
    """What a participant's window for dose-limiting toxicity has told."""

    DLT = "dlt", _l("DLT")
    NONE = "none", _l("No DLT")
    PENDING = "pending", _l("Pending")
    NOT_EVALUABLE = "not evaluable", _l("Not evaluable, replaced")


class StageAction(Term):
    """What a two-stage design says about going on."""

    CONTINUE = "continue", _l("Continue")
    WAIT = "wait", _l("Wait")
    STOP_FUTILITY = "stop for futility", _l("Stop for futility")
    PROMISING = "promising", _l("Promising: the design's hypothesis is rejected")
    NOT_PROMISING = "not promising", _l("Not promising: the design's hypothesis is not rejected")
