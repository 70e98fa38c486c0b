"""An import from beginning to end: read, compare, store, in one transaction."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from flask_babel import gettext as _

from tracker.audit import because
from tracker.exchange.compare import compare
from tracker.exchange.mapping import read_mapping
from tracker.exchange.reading import read
from tracker.exchange.sections import SECTIONS
from tracker.exchange.source import MAXIMUM_BYTES
from tracker.exchange.store import Count, count, store
from tracker.extensions import db
from tracker.values import Refusal


@dataclass(frozen=True)
class Import:
    """What an import did, or with faults or as a dry run would have done.

    counts: by section. faults, warnings: row (the header is row 1), column, value, message; a fault forbids
    storing. differences: stored values that the file contradicts: section, row, record, field, stored, new;
    only an update changes them.
    """

    rows: int
    counts: dict[str, Count]
    faults: pd.DataFrame
    warnings: pd.DataFrame
    differences: pd.DataFrame
    is_updated: bool
    is_stored: bool

    def lines(self) -> Iterator[str]:
        """The import told in lines: every fault and difference by row, warnings of one kind together."""
        for fault in self.faults.itertuples():
            yield _told(fault.row, fault.column, fault.value, fault.message)
        for (column, message), rows in self.warnings.groupby(["column", "message"], sort=False)["row"]:
            listed = ", ".join(map(str, rows[:10])) + (" …" if len(rows) > 10 else "")
            yield _(
                "Warning: %(column)s: %(message)s Rows (%(count)d): %(rows)s.",
                column=column,
                message=message,
                count=len(rows),
                rows=listed,
            )
        for one in self.differences.itertuples():
            where = one.section if pd.isna(one.row) else _("Row %(row)d", row=one.row)
            told = _("stored %(stored)s, in the file %(new)s", stored=one.stored, new=one.new)
            kept = "" if self.is_updated else " " + _("(kept)")
            yield f"{where}: {one.record}, {one.field}: {told}{kept}"
        for name, one in self.counts.items():
            yield _(
                "%(records)s: %(new)d new, %(changed)d changed, %(unchanged)d as stored",
                records=SECTIONS[name].model.titles[1],
                new=one.new,
                changed=one.changed,
                unchanged=one.unchanged,
            )
        if len(self.faults):
            yield _(
                "Nothing was stored: %(faults)d faults in %(rows)d rows.",
                faults=len(self.faults),
                rows=self.rows,
            )
        elif self.is_stored:
            yield _("%(rows)d rows were imported.", rows=self.rows)
        else:
            yield _("%(rows)d rows can be imported; nothing was stored.", rows=self.rows)


def _told(row, column, value, message):
    parts = [] if pd.isna(row) else [_("Row %(row)d", row=row)]
    parts += [] if column is None else [str(column)]
    parts += [] if value is None else [repr(value if len(value) <= 40 else value[:40] + "…")]
    return ": ".join([", ".join(parts), message]) if parts else message


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
    mapping = read_mapping(Path(mapping_path))
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
        is_updated=update,
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
