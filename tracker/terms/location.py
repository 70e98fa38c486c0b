"""Terms of comparisons between tumor locations."""

from flask_babel import lazy_gettext as _l

from tracker.terms.base import Term


class GapClaim(Term):
    """What may be said about the gap between a reference and breast."""

    LESS = "breast responds less", _l("Breast responds less")
    MORE = "breast responds more", _l("Breast responds more")
    NOT_ESTABLISHED = "not established", _l("A difference is not established")
    TOO_FEW = "too few", _l("Too few participants to compare")
