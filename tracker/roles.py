"""Which role may do what. Pages, links, addresses, commands and tests read this one table."""

from enum import StrEnum, auto

from flask_babel import lazy_gettext as _l

from tracker.terms.base import Term


class Permission(StrEnum):
    """Verb and noun."""

    SEE_ALL_TRIALS = auto()
    READ_TRIALS = auto()
    EDIT_TRIALS = auto()
    READ_PARTICIPANTS = auto()
    EDIT_PARTICIPANTS = auto()
    READ_SPECIMENS = auto()
    EDIT_SPECIMENS = auto()
    READ_FINDINGS = auto()
    COMMENT_FINDINGS = auto()
    EDIT_OWN_FINDINGS = auto()
    DECIDE_FINDINGS = auto()
    DECIDE_ARMS = auto()
    RELEASE_RESULTS = auto()
    SIGN_REPORTS = auto()
    LOCK_RECORDS = auto()
    SIGN_RECORDS = auto()
    OPEN_QUERIES = auto()
    ANSWER_QUERIES = auto()
    CLOSE_QUERIES = auto()
    IMPORT_EVERYTHING = auto()
    IMPORT_SPECIMENS = auto()
    READ_REPORTS = auto()
    EDIT_ACCOUNTS = auto()
    READ_OWN_TRAIL = auto()
    READ_TRIAL_TRAIL = auto()
    READ_WHOLE_TRAIL = auto()
    READ_ACCOUNT_TRAIL = auto()
    USE_OWN_ACCOUNT = auto()


class Role(Term):
    PHYSICIAN = "physician", _l("Physician")
    RESEARCHER = "researcher", _l("Researcher")
    DIRECTOR = "director", _l("Medical director")
    MONITOR = "monitor", _l("Monitor")
    ADMIN = "admin", _l("Administrator")

    def may(self, permission: Permission) -> bool:
        return permission in GRANTS[self]


_P = Permission
_EVERYBODY = {_P.USE_OWN_ACCOUNT, _P.READ_TRIALS}
_READS_RECORDS = {_P.READ_PARTICIPANTS, _P.READ_SPECIMENS, _P.READ_FINDINGS, _P.READ_REPORTS}

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.PHYSICIAN: frozenset(
        _EVERYBODY
        | _READS_RECORDS
        | {_P.EDIT_TRIALS, _P.EDIT_PARTICIPANTS, _P.COMMENT_FINDINGS, _P.OPEN_QUERIES, _P.ANSWER_QUERIES}
        | {_P.IMPORT_EVERYTHING, _P.READ_OWN_TRAIL, _P.SIGN_RECORDS}
    ),
    Role.RESEARCHER: frozenset(
        _EVERYBODY
        | _READS_RECORDS
        | {_P.EDIT_SPECIMENS, _P.EDIT_OWN_FINDINGS, _P.OPEN_QUERIES, _P.ANSWER_QUERIES}
        | {_P.IMPORT_SPECIMENS, _P.READ_OWN_TRAIL, _P.SIGN_RECORDS}
    ),
    Role.DIRECTOR: frozenset(
        _EVERYBODY
        | _READS_RECORDS
        | {_P.SEE_ALL_TRIALS, _P.DECIDE_FINDINGS, _P.DECIDE_ARMS, _P.RELEASE_RESULTS, _P.SIGN_REPORTS}
        | {_P.OPEN_QUERIES, _P.CLOSE_QUERIES, _P.READ_WHOLE_TRAIL, _P.LOCK_RECORDS, _P.SIGN_RECORDS}
    ),
    Role.MONITOR: frozenset(
        _EVERYBODY | _READS_RECORDS | {_P.OPEN_QUERIES, _P.CLOSE_QUERIES, _P.READ_TRIAL_TRAIL}
    ),
    Role.ADMIN: frozenset(_EVERYBODY | {_P.SEE_ALL_TRIALS, _P.EDIT_ACCOUNTS, _P.READ_ACCOUNT_TRAIL}),
}
