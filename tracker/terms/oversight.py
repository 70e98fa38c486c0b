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


class QueryStep(Term):
    """What was done about a query after it was opened."""

    ANSWERED = "answered", _l("Answered")
    CLOSED = "closed", _l("Closed")
    REOPENED = "reopened", _l("Opened again")


class QueryOrigin(Term):
    """Who opened a query."""

    PERSON = "person", _l("A person")
    RULE = "rule", _l("A rule")


class QueryAge(Term):
    """How long ago a query was opened."""

    WEEK = "week", _l("Up to 7 days")
    MONTH = "month", _l("8 to 30 days")
    OLDER = "older", _l("More than 30 days")


class Item(Term):
    """What should be known of a participant."""

    ECOG = "ecog", _l("ECOG performance status")
    SEX = "sex", _l("Sex")
    AGE = "age", _l("Age or year of birth")
    STAGE = "stage", _l("Stage")
    SUBTYPE = "subtype", _l("Subtype of breast cancer")
    PRIOR_LINES = "prior lines", _l("Prior lines")
    CONSENT = "consent", _l("Day of consent")
    RESEARCH_CONSENT = "research consent", _l("Whether data may be used for research")
    FIRST_DOSE = "first dose", _l("First dose")
    BASELINE = "baseline assessment", _l("Baseline assessment")
    BEST_RESPONSE = "best response", _l("Best response")
    LAST_DOSE = "last dose", _l("Last dose")
    OFF_TREATMENT_REASON = "off-treatment reason", _l("Reason of going off treatment")
    OFF_STUDY_REASON = "off-study reason", _l("Reason of going off study")
    LAST_KNOWN_ALIVE = "last known alive", _l("Last known alive")


class Overdue(Term):
    """What can be late."""

    ASSESSMENT = "assessment", _l("Tumor assessment")
    SERIOUS_EVENT = "serious event", _l("Report of a serious event")
    CONTACT = "contact", _l("Contact with the participant")
