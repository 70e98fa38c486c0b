"""Words of the tracker's own work."""

from flask_babel import lazy_gettext as _l

from tracker.terms.base import Term


class JobState(Term):
    QUEUED = "queued", _l("Waiting")
    RUNNING = "running", _l("Running")
    DONE = "done", _l("Done")
    FAILED = "failed", _l("Failed")


class LockState(Term):
    LOCKED = "locked", _l("Locked")
    UNLOCKED = "unlocked", _l("Unlocked")
