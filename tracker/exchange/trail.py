"""The whole trail as a file: one row for each value that an event tells of."""

import csv
import io
import json

from tracker.exchange.result import harmless
from tracker.reads.trail import stored_trail

HEADER = (
    *("event", "at", "actor", "account", "role", "action", "record_type", "record", "trial"),
    *("field", "old", "new", "reason", "request", "transaction", "position", "digest"),
)


def trail_file() -> bytes:
    """A CSV file of every event that the reader may read; no cell is a formula."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(HEADER)
    for event in stored_trail():
        who = event.id, event.at.isoformat(), event.actor, event.user_id, event.role, event.action.value
        about = event.record_type, event.record_id, event.trial_id
        sealed = event.reason, event.request_id, event.seal_id, event.position, event.mac.hex()
        for name, pair in (event.changes or {"": (None, None)}).items():
            row = (*who, *about, name, *(_text(value) for value in pair), *sealed)
            writer.writerow([harmless(cell) for cell in row])
    return file.getvalue().encode()


def _text(value):
    is_plain = value is None or isinstance(value, (str, float)) or type(value) is int
    return value if is_plain else json.dumps(value, ensure_ascii=False)
