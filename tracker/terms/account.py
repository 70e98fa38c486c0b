"""Words of the trail."""

from flask_babel import lazy_gettext as _l

from tracker.terms.base import Term


class Action(Term):
    """What an audit event says was done."""

    CREATE = "create", _l("Entered")
    CHANGE = "change", _l("Changed")
    WITHDRAW = "withdraw", _l("Withdrawn")
    RESTORE = "restore", _l("Restored")
    SIGN_IN = "sign in", _l("Signed in")
    SIGN_IN_REFUSED = "sign-in refused", _l("Sign-in refused")
    SIGN_OUT = "sign out", _l("Signed out")
    EXPORT = "export", _l("Exported")
    SIGN = "sign", _l("Signed")
    LOCK = "lock", _l("Locked")
    UNLOCK = "unlock", _l("Unlocked")
    REDACT = "redact", _l("Redacted")
    BACK_UP = "back up", _l("Backed up")
    RECOVER = "recover", _l("Restored from a backup")


class SecondFactorEvent(Term):
    """What the trail says of a second factor."""

    ON = "turned on", _l("Turned on")
    OFF = "turned off", _l("Turned off")
    RESET = "reset", _l("Reset")
    NEW_CODES = "new recovery codes", _l("New recovery codes")
    APP_CODE = "code of the app", _l("Code of the app")
    RECOVERY_CODE = "recovery code", _l("Recovery code used")
    REFUSED = "refused", _l("Refused")
