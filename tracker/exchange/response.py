"""What follows from a file's lesions and assessments."""

import pandas as pd

from tracker.exchange.fields import YES_NO
from tracker.terms.response import Organ

_NODES = Organ.LYMPH_NODES.value


def settled_lesions(frame) -> pd.DataFrame:
    """Lesions; those of the lymph nodes are nodal unless the file says otherwise."""
    if "organ" not in frame:
        return frame
    in_nodes = (frame["organ"] == _NODES).fillna(False).astype(bool)
    nodal = frame["nodal"] if "nodal" in frame else pd.Series(None, frame.index, dtype=YES_NO)
    return frame.assign(nodal=nodal.mask(nodal.isna() & in_nodes, True))


def baselines(records, resulting, stored) -> pd.DataFrame:
    """For each assessment baseline_on, the day of the stored baseline: what is before it is late to be told.

    records: assessments. resulting: the participants, as they would be. stored: the assessments that are stored.
    """
    first_dose_on = resulting["participant"]["first_dose_on"]
    kept = stored[stored["withdrawn_at"].isna()]
    kept = kept[kept["assessed_on"] <= _of(kept["participant"], first_dose_on)]
    days = _of(records["participant"], kept.groupby("participant")["assessed_on"].min())
    return pd.DataFrame({"baseline_on": days}, records.index)


def _of(keys, values) -> pd.Series:
    """The value of each key; missing where there is none."""
    return values.reindex(keys).set_axis(keys.index)
