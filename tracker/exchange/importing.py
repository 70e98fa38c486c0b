"""An import from beginning to end: read, compare, store, in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from flask_babel import gettext as _

from tracker.audit import because
from tracker.exchange.compare import compare
from tracker.exchange.mapping import read_mapping
from tracker.exchange.measurements import settle_assays
from tracker.exchange.reading import read
from tracker.exchange.source import MAXIMUM_BYTES
from tracker.exchange.store import Count, count, store
from tracker.extensions import db
from tracker.values import Refusal


@dataclass(frozen=True)
class Import:
    """What an import did, or with faults or as a dry run would have done.

    counts: by section. faults, warnings: row (the header is row 1; None for the whole file), column, value,
    message; a fault forbids storing. differences: stored values that the file contradicts: section, row,
    record, field, stored, new; only an update changes them.
    """

    rows: int
    counts: dict[str, Count]
    faults: pd.DataFrame
    warnings: pd.DataFrame
    differences: pd.DataFrame
    is_stored: bool


def import_file(
    path: Path | str,
    mapping_path: Path | str,
    *,
    dry_run: bool = False,
    update: bool = False,
    reason: str | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Import:
    """Import a file by its mapping and commit; with a fault, or as a dry run, nothing is stored.

    update: change stored values that differ, which needs a reason. progress: called with steps done, steps in
    all and what is being done. Raises Refusal for a file, mapping or trial that cannot be imported at all.
    """
    if update and not (reason or "").strip():
        raise Refusal(_("To change stored values, give the reason."), field="reason")
    tell = progress or (lambda done, total, text: None)
    tell(0, 1, _("Reading"))
    path = Path(path)
    mapping = settle_assays(read_mapping(Path(mapping_path)))
    reading = read(path.name, _content(path), mapping)
    tell(0, 1, _("Comparing with what is stored"))
    is_stored = False
    try:
        comparison = compare(reading, update)
        if not reading.faults and not dry_run:
            with because(reason):
                store(comparison, progress)
                tell(1, 1, _("Committing"))
                db.session.commit()
            is_stored = True
    finally:
        db.session.rollback()
    return Import(
        rows=reading.rows,
        counts=count(comparison),
        faults=reading.faults.frame(),
        warnings=reading.warnings.frame(),
        differences=comparison.differences,
        is_stored=is_stored,
    )


def _content(path):
    try:
        if not path.is_file():
            raise Refusal(_("There is no file %(path)s.", path=path))
        if path.stat().st_size > MAXIMUM_BYTES:
            raise Refusal(_("The file is larger than %(limit)d bytes.", limit=MAXIMUM_BYTES))
        return path.read_bytes()
    except OSError as error:
        raise Refusal(
            _("The file %(path)s cannot be read: %(why)s.", path=path, why=error.strerror)
        ) from None
