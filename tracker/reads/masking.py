"""What is not shown to everybody: the arms of a running randomised trial, until its results are released."""

from tracker.models import Participant
from tracker.scope import reader

#: Attributes that may be hidden; lists cannot be sorted or narrowed by them.
MASKABLE = {Participant: {"arm"}}


def is_masked(record, name: str) -> bool:
    """Whether this attribute of the record is kept from the reader."""
    if name.removesuffix("_id") not in MASKABLE.get(type(record), ()):
        return False
    return record.trial.hides_arms and not reader().sees_masked_arms
