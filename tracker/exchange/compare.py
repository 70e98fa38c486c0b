"""What a file would change: its records set against those that are stored, by their natural keys."""

import difflib
from dataclasses import dataclass, field, fields

import pandas as pd
import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.exchange.checking import check_records, record_names, refuse, shown
from tracker.exchange.fields import DATE, INTEGER, TEXT, YES_NO
from tracker.exchange.locked import refuse_locked
from tracker.exchange.reading import Reading, distinct, with_keys
from tracker.exchange.regimens import Regimens
from tracker.exchange.response import baselines, settled_lesions
from tracker.exchange.sections import SECTIONS, Section
from tracker.exchange.specimens import settled_measurements, settled_specimens
from tracker.exchange.treatment import attributions, planned_doses, settled_doses, settled_events
from tracker.extensions import db
from tracker.locking import locks_of
from tracker.models import DataVersion, Lock, Participant, Trial
from tracker.rules.checks import Check
from tracker.scope import reader
from tracker.values import Refusal

#: For so many unknown names it is looked which known ones are much like them.
_MOST_COMPARED = 20

#: What is said of a record that a file names and nobody knows; of others what there is is listed.
_UNKNOWN = {
    "participant": _l("The trial has no such participant."),
    "specimen": _l("The trial has no specimen of this barcode."),
    "lesion": _l("The participant has no lesion of this label."),
    "assessment": _l("The participant has no assessment on this day; give its modality too."),
}


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
    and assays are every trial's. versions: of the data that the file was set against. hides_arms: whether the
    reader must not learn who is in which arm. queries: by section, what is to be asked of which
    records.
    """

    reading: Reading
    update: bool
    regimens: Regimens
    trial_id: int | None
    versions: dict[int | None, int]
    hides_arms: bool = False
    changes: list[Changes] = field(default_factory=list)
    stored: dict[str, pd.DataFrame] = field(default_factory=dict)
    parts: list[pd.DataFrame] = field(default_factory=list)
    queries: dict[str, list[tuple[Check, pd.DataFrame]]] = field(default_factory=dict)
    locks: list[Lock] = field(default_factory=list)

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
    trial = _trial(reading.frames["trial"]["code"].item())
    trial_id = trial and trial.id
    hides_arms = trial is not None and trial.hides_arms and not reader().sees_masked_arms
    comparison = Comparison(reading, update, Regimens(), trial_id, _versions(trial_id), hides_arms)
    comparison.locks = locks_of([trial_id]).get(trial_id, [])
    resulting, compared = {}, []
    for section in reading.sections:
        place = section.place
        stored = comparison.stored[place] = _stored(section, comparison)
        frame = _settled(section, resulting, comparison)
        if frame is None:
            resulting[place] = stored[stored["withdrawn_at"].isna()].drop(columns=["id", "withdrawn_at"])
            continue
        _refuse_withdrawn(section, frame, comparison)
        _refuse_unknown(section, frame, comparison)
        if section.name != "participant" and "participant" in section.fields:
            _refuse_mixed_days(section, frame, resulting["participant"], reading)
        changes = _changes(section, frame, comparison)
        comparison.changes.append(changes)
        after = pd.concat([changes.new, changes.changed.drop(columns="id")])
        rest = stored[~stored["id"].isin(changes.changed["id"]) & stored["withdrawn_at"].isna()]
        rest = rest.drop(columns=["id", "withdrawn_at"])
        resulting[place] = pd.concat([rest, after.set_index(section.key)])
        refuse_locked(section, changes, resulting, comparison)
        compared.append((section, after))
    for section, after in compared:
        more = _columns_beside(section, after, resulting, comparison)
        comparison.queries[section.place] = check_records(section, after, resulting, reading, more)
    return comparison


def _columns_beside(section, records, resulting, comparison) -> pd.DataFrame | None:
    """What the checks of the section need to know beside its records and those that they point to."""
    if section.name == "administration":
        return planned_doses(records, resulting, comparison)
    if section.name == "assessment":
        return baselines(records, resulting, comparison.stored["assessment"])
    return None


def compare_anew(comparison: Comparison) -> None:
    """Make a comparison of an earlier transaction hold in this one, which may write.

    It is compared again only where the data have changed since, so that others seldom wait for that. Nobody else
    can change the trial's data from now on. Raises Refusal.
    """
    reading = comparison.reading
    trial = _trial(reading.frames["trial"]["code"].item())
    trial_id = trial and trial.id
    if (trial_id, _versions(trial_id, lock=True)) == (comparison.trial_id, comparison.versions):
        return
    fresh = compare(reading, comparison.update)
    for one in fields(fresh):
        setattr(comparison, one.name, getattr(fresh, one.name))


def _versions(trial_id, lock=False) -> dict[int | None, int]:
    """How often the trial's data have changed, and those of no trial, such as assays."""
    versions = sa.select(DataVersion.trial_id, DataVersion.version)
    common = versions.where(DataVersion.trial_id.is_(None))
    own = versions.where(DataVersion.trial_id == trial_id)
    own = own.with_for_update() if lock else own
    return {trial: version for one in (common, own) for trial, version in db.session.execute(one)}


def _trial(code) -> Trial | None:
    found = db.session.scalar(
        sa.select(Trial).where(Trial.code == code).execution_options(include_withdrawn=True)
    )
    if found is not None and found.withdrawn_at:
        raise Refusal(_("The trial %(code)s is withdrawn; restore it before importing into it.", code=code))
    return found


def _stored(section, comparison) -> pd.DataFrame:
    """The section's records in this trial: id, withdrawn_at and every field, typed as the fields are read."""
    names, rows = ["id", "withdrawn_at", *section.fields], []
    if comparison.trial_id is not None or section.owner.trial_path is None:
        chosen = _chosen(section, comparison)
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
        undated = None
        if "participant" in frame:
            undated = frame["participant"].map(comparison.stored["participant"]["undated"]).astype(YES_NO)
        frame[section.key] = record_names(section, frame, undated)
        # Forms may have entered several: one that is not withdrawn goes before, then the oldest.
        frame = frame.iloc[frame["withdrawn_at"].notna().argsort(kind="stable")]
        frame = frame[~frame[section.key].duplicated()]
    return frame.set_index(section.key)


def _chosen(section, comparison) -> sa.Select:
    """A select of id, withdrawn_at and every field."""
    model, owner = section.model, section.owner
    attributes = [
        section.borrowed.get(name, getattr(model, section.attribute(name), None)) for name in section.fields
    ]
    chosen = sa.select(model.id, owner.withdrawn_at, *attributes).order_by(model.id)
    chosen = chosen.where(_in_trial(owner, comparison.trial_id))
    if owner is not model:
        chosen = chosen.join(owner, owner.id == getattr(model, f"{model.owner}_id"))
    for name, key in section.only.items():
        number = _ids(section.fields[name].refers_to, comparison).get(key)
        chosen = chosen.where(getattr(model, section.attribute(name)) == number)
    return chosen


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
    found = comparison.regimens.ids_of.get(name)
    return comparison.stored[name]["id"].to_dict() if found is None else found


def _settled(section, resulting, comparison) -> pd.DataFrame | None:
    """The records of the file with what follows from other fields; None where it has none of this section."""
    frames = comparison.reading.frames
    frame = frames.get(section.place)
    if section.name == "attribution":
        events = frames.get("adverse_event")
        return (
            None if events is None else attributions(SECTIONS["adverse_event"], events, resulting, comparison)
        )
    if section.name == "participant":
        frame = _with_first_doses(frame, comparison)
    if frame is None:
        return None
    if section.name == "arm" and "regimen" in frame:
        return frame.assign(regimen=frame["regimen"].map(comparison.regimens.name_of, na_action="ignore"))
    if section.name == "trial":
        return _settled_trial(frame, comparison)
    if section.name == "participant":
        return _settled_participants(section, frame, comparison)
    if section.name == "administration":
        return settled_doses(section, frame, resulting, comparison)
    if section.name == "adverse_event":
        return settled_events(frame[[name for name in frame if name in {*section.fields, section.key}]])
    if section.name == "reference_result":
        return _settled_references(section, frame, comparison)
    if section.name == "specimen":
        return settled_specimens(section, frame, comparison)
    if section.name == "measurement":
        return settled_measurements(section, frame, resulting, comparison)
    return settled_lesions(frame) if section.name == "lesion" else frame


def _settled_references(section, frame, comparison):
    """Reference results of regimens that are stored, or will be; of a rate, the number that is nearest to it."""
    regimens = comparison.regimens
    known = {
        text: regimens.named(text) or regimens.name_of(text) for text in frame["regimen"].dropna().unique()
    }
    frame = frame.assign(regimen=frame["regimen"].map(known))
    if "rate" in frame:
        named = comparison.reading.named[section.place]
        named.setdefault("x", named["rate"])
        x = frame["x"] if "x" in frame else pd.Series(None, frame.index, dtype=INTEGER)
        rounded = (frame["rate"] * frame["n"].astype("float64")).round().astype(INTEGER)
        is_rounded = x.isna() & rounded.notna()
        told = {"x_is_rounded": is_rounded.astype(YES_NO), "published_rate": frame["rate"].where(is_rounded)}
        frame = frame.drop(columns="rate").assign(x=x.fillna(rounded), **told)
    return distinct(section, with_keys(section, frame), comparison.reading)


def _settled_trial(frame, comparison):
    if "design" in frame and "is_randomised" not in frame and not comparison.trial_id:
        return frame.assign(is_randomised=(frame["design"] == "randomised").astype(YES_NO))
    return frame


def _settled_participants(section, frame, comparison):
    frame = _dated_by_others(frame, comparison)
    if "subtype" not in frame:
        return frame
    location = frame[section.key].map(comparison.stored["participant"]["tumor_location"])
    if "tumor_location" in frame:
        location = frame["tumor_location"].fillna(location)
    # A constant "unknown" is meant for the breast tumors among the rows.
    return frame.assign(
        subtype=frame["subtype"].mask((frame["subtype"] == "unknown") & (location != "BREAST"))
    )


def _with_first_doses(frame, comparison):
    """Participants with the first of the file's doses, where no first dose is known."""
    doses = comparison.reading.frames.get("administration")
    if doses is None:
        return frame
    doses = doses[(doses["dose"] > 0) & doses["given_on"].notna()].sort_values("given_on", kind="stable")
    stored = comparison.stored["participant"]
    unknown = stored.index[stored["first_dose_on"].isna() & stored["withdrawn_at"].isna()]
    firsts = doses[~doses["participant"].duplicated()].set_index("participant")["given_on"]
    told = pd.DataFrame({"code": []}, dtype=TEXT) if frame is None else frame
    given = told["first_dose_on"] if "first_dose_on" in told else pd.Series(pd.NaT, told.index, dtype=DATE)
    is_open = ~told["code"].isin(stored.index) | told["code"].isin(unknown)
    told = told.assign(first_dose_on=given.fillna(told["code"].map(firsts).where(is_open)).astype(DATE))
    others = doses[~doses["participant"].duplicated()]
    others = others[others["participant"].isin(unknown) & ~others["participant"].isin(told["code"])]
    more = pd.DataFrame({"code": others["participant"], "first_dose_on": others["given_on"]})
    return pd.concat([told, more]) if len(more) else frame if frame is None else told


def _dated_by_others(frame, comparison):
    """New participants whose dose, event or the like has a date are dated, though none of their own is known."""
    found = []
    for section in comparison.reading.sections:
        records = comparison.reading.frames.get(section.place)
        if (
            section.name == "participant"
            or section.in_days
            or records is None
            or "participant" not in records
        ):
            continue
        dates = [name for name, one in section.fields.items() if one.dtype == DATE and name in records]
        found.append(records.loc[records[dates].notna().any(axis=1), "participant"])
    if not found:
        return frame
    codes = frame["code"]
    is_dated = codes.isin(pd.concat(found)) & ~codes.isin(comparison.stored["participant"].index)
    undated = frame.get("undated", pd.Series(None, frame.index, dtype=YES_NO))
    return frame.assign(undated=undated.mask(is_dated & undated.isna(), False))


def _refuse_mixed_days(section, frame, participants, reading):
    """Study days belong to the undated, dates to all others."""
    undated = frame["participant"].map(participants["undated"]).astype(YES_NO)
    is_wrong = (undated != section.in_days).fillna(False).astype(bool)
    for name in [name for name, one in section.fields.items() if one.dtype == DATE and name in frame]:
        mixed = frame[name].notna() & is_wrong
        if section.in_days:
            message = _("The participant has dates: give the date, not the study day.")
        else:
            message = _("The participant came without dates: give the study day.")
        cells = frame.loc[mixed, name]
        cells = shown(cells, pd.Series(section.in_days, cells.index, dtype=YES_NO))
        refuse(section, cells, name, message, reading)


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
        if reference is None or reference in comparison.regimens.ids_of:
            continue
        if reference in comparison.reading.named and reference not in comparison.reading.frames:
            continue  # it could not be read at all, which is reported
        stored = comparison.stored[reference]
        known = set(stored.index[stored["withdrawn_at"].isna()])
        if reference in comparison.reading.frames:
            known |= set(comparison.reading.frames[reference][SECTIONS[reference].key])
        cells = frame[name]
        unknown = cells[cells.notna() & ~cells.isin(known)]
        if reference in _UNKNOWN:
            message = _with_near_names(str(_UNKNOWN[reference]), unknown, known)
        else:
            listed = ", ".join(sorted(known)[:30]) or "–"
            message = _("Neither the file nor the trial has it; there are: %(known)s.", known=listed)
        refuse(section, unknown, name, message, comparison.reading)


def _with_near_names(told, unknown, known) -> pd.Series:
    """What is said of each unknown name, of the first ones with those that are named much like it."""
    messages = {}
    for name in unknown.drop_duplicates().head(_MOST_COMPARED):
        near = difflib.get_close_matches(str(name), known, 3, 0.6)
        messages[name] = (
            _("%(told)s Was %(near)s meant?", told=told, near=" / ".join(sorted(near))) if near else told
        )
    return unknown.map(messages).fillna(told).astype(object)


def _changes(section, frame, comparison) -> Changes:
    """Which records are new, and which stored ones change."""
    stored = comparison.stored[section.place]
    is_new = ~frame[section.key].isin(stored.index)
    new, now = frame[is_new], frame[~is_new]
    for name in section.required:
        cells = new[name] if name in new else pd.Series(None, new.index, dtype=object)
        message = _("A new record needs %(field)s, and it is missing.", field=name.replace("_", " "))
        refuse(section, cells[cells.isna()], name, message, comparison.reading)
    before = stored.loc[now[section.key]].reset_index().set_axis(now.index)
    after, is_touched = before.drop(columns="withdrawn_at"), pd.Series(False, now.index)
    for name in now.columns.drop(section.key):
        if name not in section.fields:
            continue
        is_given, was_given = now[name].notna(), before[name].notna()
        differs = is_given & was_given & (now[name] != before[name]).fillna(False).astype(bool)
        if name == "undated":
            _refuse_other_days(section, before, differs, comparison)
        if name == "arm" and comparison.hides_arms:
            message = _(
                "The arm of this participant is stored, and masked until the results are released; leave the arm out."
            )
            refuse(section, now.loc[is_given & was_given, "arm"], "arm", message, comparison.reading)
            continue
        if differs.any():
            comparison.parts.append(_differences(section, name, before[differs], now[differs]))
        replaces = _replaces_another(section, name, before, is_given, comparison, now)
        changes = (is_given & ~was_given & ~replaces) | ((differs | replaces) & comparison.update)
        after[name] = after[name].mask(changes, now[name])
        for other in set(section.exclusive) - {name} if name in section.exclusive else ():
            after[other] = after[other].mask(changes & before[other].notna(), None)
        is_touched |= changes
    new = _completed(section, new, comparison.reading.label)
    return Changes(section, new, after[is_touched], list(frame), int((~is_touched).sum()))


def _replaces_another(section, name, before, is_given, comparison, now):
    """Where a value would stand in place of another field's, of which a record has one: a difference too."""
    replaces = pd.Series(False, before.index)
    if name in section.exclusive:
        for other in set(section.exclusive) - {name}:
            clashes = is_given & before[other].notna()
            if clashes.any():
                found = _differences(section, name, before[clashes], now[clashes])
                found["stored"] = shown(before.loc[clashes, other]).tolist()
                comparison.parts.append(found)
            replaces |= clashes
    return replaces


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
    if name in section.borrowed:
        return None
    default = getattr(section.model, section.attribute(name)).property.columns[0].default
    return default.arg if default is not None and default.is_scalar else None


def _refuse_other_days(section, before, differs, comparison):
    """A participant's days are all dates or all study days."""
    dates = [name for name, one in section.fields.items() if one.dtype == DATE]
    has_days = before[dates].notna().any(axis=1)
    codes = before[section.key]
    message = _(
        "The stored days are study days and the file's are dates, or the reverse; they cannot be mixed."
    )
    refuse(section, codes[differs & has_days], section.key, message, comparison.reading)
    if not comparison.update:
        message = _(
            "The participant came without dates; to add dates, replace stored values and give a reason."
        )
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
