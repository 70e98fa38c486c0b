"""An import from beginning to end: read, compare, store.

It reads and compares without the right to write, because that takes most of its time: others write meanwhile.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import sqlalchemy as sa
from flask_babel import gettext as _

from tracker.audit import because, note
from tracker.exchange.checking import ask_about_persons
from tracker.exchange.compare import compare, compare_anew
from tracker.exchange.mapping import Mapping, read_mapping
from tracker.exchange.measurements import settle_assays
from tracker.exchange.reading import Reading, read
from tracker.exchange.sections import SECTIONS
from tracker.exchange.source import MAXIMUM_BYTES
from tracker.exchange.specimens import settle_participants
from tracker.exchange.store import Count, count, store
from tracker.extensions import db, reading, writing
from tracker.models import Trial
from tracker.roles import Permission
from tracker.scope import reader
from tracker.terms.account import Action
from tracker.values import Refusal

#: What a researcher may import.
_SPECIMENS = {"trial", "specimen", "measurement"}


@dataclass(frozen=True)
class Import:
    """What an import did, or with faults or as a dry run would have done.

    counts: by section. faults, warnings, asked: row (the header is row 1; None for the whole file), column, value,
    message; a fault forbids storing, and so does what is asked about until it is confirmed. differences: stored values
    that the file contradicts: section, row, record, field, stored, new; only an update changes them. trial_id: of the
    trial, once all is stored.
    """

    rows: int
    counts: dict[str, Count]
    faults: pd.DataFrame
    warnings: pd.DataFrame
    differences: pd.DataFrame
    asked: pd.DataFrame
    trial_id: int | None = None

    @property
    def is_stored(self) -> bool:
        return self.trial_id is not None


def import_file(path: Path | str, mapping_path: Path | str, **options) -> Import:
    """Import a file by its mapping and commit; with a fault, or as a dry run, nothing is stored.

    options: those of `import_content`. Raises Refusal for a file, mapping or trial that cannot be imported at all.
    """
    path = Path(path)
    return import_content(path.name, lambda: file_content(path), read_mapping(Path(mapping_path)), **options)


def import_content(
    name: str,
    content: Callable[[], bytes],
    mapping: Mapping,
    *,
    corrections: dict | None = None,
    **options,
) -> Import:
    """Import what a file holds, by a mapping.

    content: gives the file's bytes. corrections: by row, the texts that stand in place of its cells, by column; None
    leaves the row out. options: those of `import_records`.
    """

    def read_file():
        refuse_sections(mapping)
        return read(name, content(), settled(mapping), corrections)

    return import_records(read_file, **options)


def settled(mapping: Mapping) -> Mapping:
    """The mapping with what the stored assays and specimens say beside it. Raises Refusal."""
    return settle_participants(settle_assays(mapping))


def import_records(
    read_all: Callable[[], Reading],
    *,
    dry_run: bool = False,
    update: bool = False,
    reason: str | None = None,
    confirmed: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
    commit: Callable[["Import"], None] | None = None,
    look: Callable[[Reading, int], None] | None = None,
) -> Import:
    """Import what was read; nothing is left in the session's transaction, and nothing of an earlier one.

    read_all: reads it. update: change stored values that differ, which needs a reason. confirmed: somebody has looked
    at the texts that may tell who a person is, and they identify nobody; without it nothing of such a file is stored.
    progress: called with steps done, steps in all and what is being done. look: called with the reading and the trial's
    id when all is stored, to add warnings. commit: called with what was done, instead of the session's commit.
    """
    if update and not dry_run and not (reason or "").strip():
        raise Refusal(_("To change stored values, give the reason."), field="reason")
    tell = progress or (lambda done, total, text: None)
    tell(0, 1, _("Reading"))
    db.session.rollback()
    try:
        with reading():
            found = read_all()
            asked, words = ask_about_persons(found)
            tell(0, 1, _("Comparing with what is stored"))
            comparison = compare(found, update)
        if not found.faults and not dry_run and (confirmed or not asked):
            db.session.rollback()
            with writing(), because(reason):
                compare_anew(comparison)
                if not found.faults:
                    trial_id = store(comparison, progress)
                    if look:
                        look(found, trial_id)
                    tell(1, 1, _("Committing"))
                    done = _done(comparison, asked, trial_id)
                    if words:
                        about = {
                            "record_type": Trial.__tablename__,
                            "record_id": trial_id,
                            "trial_id": trial_id,
                        }
                        note(Action.CHANGE, **about, confirmed=words)
                    commit(done) if commit else db.session.commit()
                    return done
    finally:
        db.session.rollback()
    return _done(comparison, asked)


def _done(comparison, asked, trial_id=None) -> Import:
    found = comparison.reading
    return Import(
        rows=found.rows,
        counts=count(comparison),
        faults=found.faults.frame(),
        warnings=found.warnings.frame(),
        differences=comparison.differences,
        asked=asked.frame(),
        trial_id=trial_id,
    )


def refuse_sections(mapping: Mapping) -> None:
    """Raise Refusal where the reader may not import what the mapping brings.

    A researcher imports only specimens and measurements.
    """
    user = reader().user
    if user is None or user.may(Permission.IMPORT_EVERYTHING):
        return
    others = [SECTIONS[name].title for name in (*mapping.given, *mapping.origins) if name not in _SPECIMENS]
    if others or list(mapping.given["trial"]) != ["code"]:
        raise Refusal(
            _(
                "Your role imports specimens and measurements of participants that are stored; leave out of the"
                " mapping: %(sections)s.",
                sections=", ".join(others) or _("all of [trial] but its code"),
            ),
            status=403,
        )
    code = mapping.given["trial"]["code"].item()
    if db.session.scalar(sa.select(Trial.id).where(Trial.code == code)) is None:
        raise Refusal(_("There is no trial %(code)s that you may see.", code=code), status=404)


def file_content(path: Path) -> bytes:
    """What a file holds. Raises Refusal where that cannot be read."""
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
