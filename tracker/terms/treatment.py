"""Terms of doses and adverse events.

What was done about an event and how it ended follow the code lists of CDISC SDTM (ACN, OUT); why it is serious
follows ICH E2A.
"""

from flask_babel import lazy_gettext as _l

from tracker.terms.base import Term


class Modification(Term):
    """How a dose differed from what was planned."""

    REDUCED = "reduced", _l("Reduced")
    DELAYED = "delayed", _l("Delayed")
    INTERRUPTED = "interrupted", _l("Interrupted")
    OMITTED = "omitted", _l("Omitted")
    INCREASED = "increased", _l("Increased")


class SeriousnessCriterion(Term):
    """Why an event is serious."""

    DEATH = "death", _l("Death"), "fatal"
    LIFE_THREATENING = "life-threatening", _l("Life-threatening")
    HOSPITALISATION = (
        "hospitalisation",
        _l("Hospitalisation, or a longer one"),
        "hospitalization",
    )
    DISABILITY = "disability", _l("Persistent disability or incapacity")
    CONGENITAL = "congenital anomaly", _l("Congenital anomaly")
    IMPORTANT = "medically important", _l("Otherwise medically important")


class Causality(Term):
    """Whether an agent caused the event: as WHO-UMC grades it, or only yes or no where a source tells no more."""

    NOT_RELATED = "not related", _l("Not related"), "unrelated", "no"
    UNLIKELY = "unlikely", _l("Unlikely")
    POSSIBLE = "possible", _l("Possible")
    PROBABLE = "probable", _l("Probable")
    DEFINITE = "definite", _l("Definite"), "certain"
    RELATED = "related", _l("Related (degree not stated)"), "yes"

    @property
    def is_related(self):
        return self not in (Causality.NOT_RELATED, Causality.UNLIKELY)


class Immunosuppression(Term):
    """What was given against an immune-related event."""

    NONE = "none", _l("None")
    TOPICAL = "topical steroid", _l("Topical steroid")
    SYSTEMIC = "systemic steroid", _l("Systemic steroid"), "steroid"
    OTHER = "other immunosuppressant", _l("Other immunosuppressant")


class ActionTaken(Term):
    NOT_CHANGED = "dose not changed", _l("Dose not changed"), "none"
    REDUCED = "dose reduced", _l("Dose reduced")
    INCREASED = "dose increased", _l("Dose increased")
    INTERRUPTED = "drug interrupted", _l("Treatment interrupted")
    WITHDRAWN = "drug withdrawn", _l("Treatment stopped for good"), "discontinued"
    NOT_APPLICABLE = "not applicable", _l("Not applicable")
    UNKNOWN = "unknown", _l("Unknown")


class EventOutcome(Term):
    RECOVERED = "recovered", _l("Recovered"), "recovered/resolved", "resolved"
    RECOVERING = "recovering", _l("Recovering"), "recovering/resolving", "resolving"
    SEQUELAE = (
        "recovered with sequelae",
        _l("Recovered with sequelae"),
        "recovered/resolved with sequelae",
    )
    NOT_RECOVERED = "not recovered", _l("Not recovered"), "not recovered/not resolved", "not resolved"
    FATAL = "fatal", _l("Fatal")
    UNKNOWN = "unknown", _l("Unknown")
