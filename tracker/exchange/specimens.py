"""What follows from the specimens of a file: whose they are, and of which timepoint what was measured in them is."""

from dataclasses import replace

import pandas as pd
import sqlalchemy as sa
from flask_babel import gettext as _

from tracker.exchange.checking import refuse
from tracker.exchange.fields import TEXT, Origin
from tracker.exchange.mapping import Mapping
from tracker.exchange.reading import distinct, with_keys
from tracker.extensions import db
from tracker.models import Participant, Specimen, Trial


def settle_participants(mapping: Mapping) -> Mapping:
    """The mapping in which measurements that name a specimen only are of its participant."""
    tables = mapping.origins.get("measurement", [])
    if all("participant" in table for table in tables):
        return mapping
    known = _participants_by_barcode(mapping.given["trial"]["code"].item())
    settled = [
        table
        if "participant" in table
        else table | {"participant": _participant_of(table["specimen"], known)}
        for table in tables
    ]
    return replace(mapping, origins=mapping.origins | {"measurement": settled})


def _participants_by_barcode(trial_code) -> dict[str, str]:
    rows = db.session.execute(
        sa.select(Specimen.barcode, Participant.code)
        .join(Specimen.participant)
        .join(Participant.trial)
        .where(Trial.code == trial_code)
    )
    return dict(rows.all())


def _participant_of(specimen: Origin, known: dict[str, str]) -> Origin:
    return replace(specimen, values=known, unknown=_("The trial has no specimen of this barcode."))


def settled_specimens(section, frame, comparison) -> pd.DataFrame:
    """Specimens, of which none changes its participant."""
    stored = comparison.stored["specimen"]
    owner = frame[section.key].map(stored["participant"])
    differs = frame[section.key].isin(stored.index) & frame["participant"].notna()
    differs &= owner != frame["participant"]
    message = _("The specimen of this barcode is another participant's.")
    refuse(section, frame.loc[differs, section.key], section.key, message, comparison.reading)
    return frame[~differs]


def settled_measurements(section, frame, resulting, comparison) -> pd.DataFrame:
    """Measurements, of the timepoint of their specimen where the file tells none."""
    if "specimen" not in frame:
        return frame
    specimens = resulting["specimen"]
    owner = frame["specimen"].map(specimens["participant"])
    differs = owner.notna() & (owner != frame["participant"])
    message = _("The specimen of this barcode is another participant's.")
    refuse(section, frame.loc[differs, "specimen"], "specimen", message, comparison.reading)
    timepoint = frame["specimen"].map(specimens["timepoint"]).astype(TEXT)
    if "timepoint" in frame:
        timepoint = frame["timepoint"].fillna(timepoint)
    return distinct(section, with_keys(section, frame.assign(timepoint=timepoint)), comparison.reading)
