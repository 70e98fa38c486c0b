"""What a file would change: its records set against those that are stored, by their natural keys."""

from dataclasses import dataclass, field

import pandas as pd
import sqlalchemy as sa
from flask_babel import gettext as _

from tracker.exchange.checking import check_records, record_names, refuse, shown
from tracker.exchange.reading import Reading
from tracker.exchange.regimens import Regimens
from tracker.exchange.sections import DATE, SECTIONS, TEXT, YES_NO, Section
from tracker.extensions import db
from tracker.models import Participant, Trial
from tracker.values import Refusal


@dataclass
class Changes:
    """What would happen to the records of one section.

    new: the records to insert. changed: the stored records as they will be, with their `id`. Both have every
    field of the section, and the row of the file as index. given: the fields that the file gives.
    """

    section: Section
    new: pd.DataFrame
    changed: pd.DataFrame
    given: list[str]
    unchanged: int


@dataclass
class Comparison:
    """What an import would do.

    update: whether stored values that the file contradicts are changed; they are differences either way.
    stored: for each section's place the trial's records, withdrawn ones too, indexed by their key; biomarkers
    and assays are every trial's.
    """

    reading: Reading
    update: bool
    regimens: Regimens
    trial_id: int | None
    changes: list[Changes] = field(default_factory=list)
    stored: dict[str, pd.DataFrame] = field(default_factory=dict)
    parts: list[pd.DataFrame] = field(default_factory=list)

    @property
    def differences(self) -> pd.DataFrame:
        """The stored values that the file contradicts: section, row, record, field, stored, new."""
        if not self.parts:
            return pd.DataFrame(columns=["section", "row", "record", "field", "stored", "new"])
        whole = pd.concat(self.parts).sort_values("row", kind="stable", na_position="first")
        whole["row"] = whole["row"].astype(object).where(whole["row"].notna(), None)
        return whole.reset_index(drop=True)


def compare(reading: Reading, update=False) -> Comparison:
    """Set what was read against what is stored, and add the faults that only this shows to the reading's.

    Raises Refusal where a faulty row is not to blame.
    """
    trial_id = _trial_id(reading.frames["trial"]["code"].item())
    comparison = Comparison(reading, update, Regimens(), trial_id)
    resulting = {}
    for section in reading.sections:
        place = section.place
        stored = comparison.stored[place] = _stored(section, comparison)
        if place not in reading.frames:
            resulting[place] = stored
            continue
        frame = _settled(section, reading.frames[place], comparison)
        _refuse_withdrawn(section, frame, comparison)
        _refuse_unknown(section, frame, comparison)
        if section.name == "measurement":
            _refuse_mixed_measurements(section, frame, resulting["participant"], reading)
        changes = _changes(section, frame, comparison)
        comparison.changes.append(changes)
        after = pd.concat([changes.new, changes.changed.drop(columns="id")])
        rest = stored[~stored["id"].isin(changes.changed["id"])].drop(columns=["id", "withdrawn_at"])
        resulting[place] = pd.concat([rest, after.set_index(section.key)])
        check_records(section, after, resulting, reading)
    return comparison


def _trial_id(code):
    found = db.session.execute(
        sa.select(Trial.id, Trial.withdrawn_at)
        .where(Trial.code == code)
        .execution_options(include_withdrawn=True)
    ).one_or_none()
    if found is None:
        return None
    if found.withdrawn_at:
        raise Refusal(_("The trial %(code)s is withdrawn; restore it before importing into it.", code=code))
    return found.id


def _stored(section, comparison) -> pd.DataFrame:
    """The section's records in this trial: id, withdrawn_at and every field, typed as the fields are read."""
    model, names = section.model, ["id", "withdrawn_at", *section.fields]
    rows = []
    if comparison.trial_id is not None or model.trial_path is None:
        attributes = [getattr(model, section.attribute(name)) for name in section.fields]
        chosen = sa.select(model.id, model.withdrawn_at, *attributes).where(
            _in_trial(model, comparison.trial_id)
        )
        for name, key in section.only.items():
            number = _ids(section.fields[name].refers_to, comparison).get(key)
            chosen = chosen.where(getattr(model, section.attribute(name)) == number)
        rows = db.session.execute(chosen.execution_options(include_withdrawn=True)).all()
    columns = dict(zip(names, zip(*rows))) if rows else dict.fromkeys(names, ())
    frame = pd.DataFrame({"id": pd.Series(columns["id"], dtype="int64")})
    frame["withdrawn_at"] = pd.Series(columns["withdrawn_at"], dtype=object)
    for name, one in section.fields.items():
        cells = columns[name]
        if one.refers_to:
            keys = {number: key for key, number in _ids(one.refers_to, comparison).items()}
            cells = [keys.get(cell) for cell in cells]
        if one.dtype == TEXT:
            cells = [None if cell is None else str(cell) for cell in cells]
        frame[name] = pd.Series(cells, dtype=one.dtype)
    if section.made_of:
        undated = frame["participant"].map(comparison.stored["participant"]["undated"]).astype(YES_NO)
        frame[section.key] = record_names(section, frame, undated)
        # Forms may have entered several: one that is not withdrawn goes before, then the oldest.
        frame = frame.iloc[frame["withdrawn_at"].notna().argsort(kind="stable")]
        frame = frame[~frame[section.key].duplicated()]
    return frame.set_index(section.key)


def _in_trial(model, trial_id):
    if model.trial_path is None:
        return sa.true()
    if model is Trial:
        return Trial.id == trial_id
    if hasattr(model, "trial_id"):
        return model.trial_id == trial_id
    return model.participant_id.in_(sa.select(Participant.id).where(Participant.trial_id == trial_id))


def _ids(name, comparison) -> dict[str, int]:
    """The ids of stored records, withdrawn ones too, by their keys."""
    return comparison.regimens.ids if name == "regimen" else comparison.stored[name]["id"].to_dict()


def _settled(section, frame, comparison) -> pd.DataFrame:
    """The records with what follows from other fields."""
    if section.name == "arm" and "regimen" in frame:
        return frame.assign(regimen=frame["regimen"].map(comparison.regimens.name_of, na_action="ignore"))
    if (
        section.name == "trial"
        and "design" in frame
        and "is_randomised" not in frame
        and not comparison.trial_id
    ):
        return frame.assign(is_randomised=(frame["design"] == "randomised").astype(YES_NO))
    if section.name == "participant":
        frame = _dated_by_measurements(frame, comparison)
    if section.name == "participant" and "subtype" in frame:
        location = frame[section.key].map(comparison.stored["participant"]["tumor_location"])
        if "tumor_location" in frame:
            location = frame["tumor_location"].fillna(location)
        # A constant "unknown" is meant for the breast tumors among the rows.
        return frame.assign(
            subtype=frame["subtype"].mask((frame["subtype"] == "unknown") & (location != "BREAST"))
        )
    return frame


def _dated_by_measurements(frame, comparison):
    """New participants with the date of a measurement are dated, though none of their own dates is known."""
    found = [
        measured.loc[measured["measured_on"].notna(), "participant"]
        for section in comparison.reading.sections
        if section.name == "measurement"
        and not section.in_days
        and "measured_on" in (measured := comparison.reading.frames.get(section.place, pd.DataFrame()))
    ]
    if not found:
        return frame
    codes = frame["code"]
    is_dated = codes.isin(pd.concat(found)) & ~codes.isin(comparison.stored["participant"].index)
    undated = frame.get("undated", pd.Series(None, frame.index, dtype=YES_NO))
    return frame.assign(undated=undated.mask(is_dated & undated.isna(), False))


def _refuse_mixed_measurements(section, frame, participants, reading):
    """Study days belong to the undated, dates to all others."""
    if "measured_on" in frame:
        undated = frame["participant"].map(participants["undated"]).astype(YES_NO)
        mixed = frame["measured_on"].notna() & (undated != section.in_days).fillna(False).astype(bool)
        if section.in_days:
            message = _("The participant has dates: give the date of the measurement, not its study day.")
        else:
            message = _("The participant came without dates: give the measurement's study day.")
        cells = frame.loc[mixed, "measured_on"]
        cells = shown(cells, pd.Series(section.in_days, cells.index, dtype=YES_NO))
        refuse(section, cells, "measured_on", message, reading)


def _refuse_withdrawn(section, frame, comparison):
    stored = comparison.stored[section.place]
    withdrawn = stored.index[stored["withdrawn_at"].notna()]
    keys = frame[section.key]
    message = _("This record is withdrawn; restore it first.")
    refuse(section, keys[keys.isin(withdrawn)], section.key, message, comparison.reading)


def _refuse_unknown(section, frame, comparison):
    """Faults where a record names another that neither the file brings nor the trial has."""
    for name in frame.columns.intersection(list(section.fields)):
        reference = section.fields[name].refers_to
        if reference is None or reference == "regimen":
            continue
        if reference in comparison.reading.named and reference not in comparison.reading.frames:
            continue  # it could not be read at all, which is reported
        stored = comparison.stored[reference]
        known = set(stored.index[stored["withdrawn_at"].isna()])
        if reference in comparison.reading.frames:
            known |= set(comparison.reading.frames[reference][SECTIONS[reference].key])
        cells = frame[name]
        unknown = cells[cells.notna() & ~cells.isin(known)]
        if reference == "participant":
            message = _("The trial has no such participant.")
        else:
            listed = ", ".join(sorted(known)[:30]) or "–"
            message = _("Neither the mapping nor the trial has it; there are: %(known)s.", known=listed)
        refuse(section, unknown, name, message, comparison.reading)


def _changes(section, frame, comparison) -> Changes:
    """Which records are new, and which stored ones change."""
    stored = comparison.stored[section.place]
    is_new = ~frame[section.key].isin(stored.index)
    new, now = frame[is_new], frame[~is_new]
    for name in section.required:
        cells = new[name] if name in new else pd.Series(None, new.index, dtype=object)
        message = _("A new record needs %(field)s, and it is missing.", field=name)
        refuse(section, cells[cells.isna()], name, message, comparison.reading)
    before = stored.loc[now[section.key]].reset_index().set_axis(now.index)
    after, is_touched = before.drop(columns="withdrawn_at"), pd.Series(False, now.index)
    for name in now.columns.drop(section.key):
        is_given, was_given = now[name].notna(), before[name].notna()
        differs = is_given & was_given & (now[name] != before[name]).fillna(False).astype(bool)
        if name == "undated":
            _refuse_mixed_days(section, before, differs, comparison)
        if differs.any():
            comparison.parts.append(_differences(section, name, before[differs], now[differs]))
        changes = (is_given & ~was_given) | (differs & comparison.update)
        after[name] = before[name].mask(changes, now[name])
        is_touched |= changes
    new = _completed(section, new, comparison.reading.label)
    return Changes(section, new, after[is_touched], list(frame), int((~is_touched).sum()))


def _completed(section, new, label) -> pd.DataFrame:
    """New records with every field: given, by default, or missing."""
    defaults = section.defaults | {"source": label}
    whole = {}
    for name, one in section.fields.items():
        cells = new[name] if name in new else pd.Series(None, new.index, dtype=one.dtype)
        default = defaults.get(name, _column_default(section, name))
        whole[name] = cells if default is None else cells.fillna(default)
    if section.made_of:
        whole[section.key] = new[section.key]
    return pd.DataFrame(whole, new.index)


def _column_default(section, name):
    default = getattr(section.model, section.attribute(name)).property.columns[0].default
    return default.arg if default is not None and default.is_scalar else None


def _refuse_mixed_days(section, before, differs, comparison):
    """A participant's days are all dates or all study days."""
    dates = [name for name, one in section.fields.items() if one.dtype == DATE]
    has_days = before[dates].notna().any(axis=1)
    codes = before[section.key]
    message = _(
        "The stored days are study days and the file's are dates, or the reverse; they cannot be mixed."
    )
    refuse(section, codes[differs & has_days], section.key, message, comparison.reading)
    if not comparison.update:
        message = _("The participant came without dates; to add dates, import with --update and a reason.")
        refuse(section, codes[differs & ~has_days], section.key, message, comparison.reading)


def _differences(section, name, before, now) -> pd.DataFrame:
    undated = before.get("undated")
    return pd.DataFrame(
        {
            "section": section.name,
            "row": pd.array(now.index if section.in_rows else [None] * len(now), dtype="Int64"),
            "record": before[section.key].tolist(),
            "field": name,
            "stored": shown(before[name], undated).tolist(),
            "new": shown(now[name], undated).tolist(),
        }
    )
