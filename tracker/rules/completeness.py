"""Which data a participant should have by now, and which of them are missing.

An item is expected only of those of whom it can be known: a dose of who was treated, a day of who came with dates.
"""

import pandas as pd

from tracker.terms.oversight import Item
from tracker.terms.participant import Subtype


def missing_items(people: pd.DataFrame) -> pd.DataFrame:
    """One column an Item, by its value: True where it is missing, False where it is there, missing where not expected.

    people: tumor_location, ecog, sex, birth_year, age_at_enrolment, stage, subtype, prior_lines, undated, consented_on,
    first_dose_on, last_dose_on, off_treatment_on, off_treatment_reason, off_study_on, off_study_reason, died_on,
    last_known_alive_on, consents_to_data_research, dosed (a dose was given), is_assessed (their trial records tumor
    assessments), first_assessed_on, response_recorded, treated, pending, source (of the best response).

    A dose is expected of who has one on record, or has ended treatment; a baseline assessment, up to the first dose,
    of who is treated in a trial that records assessments; a best response of who is treated and not pending where the
    trial records responses; that somebody was alive of those of whom no death is known.
    """
    dated, first = ~people["undated"].astype(bool), people["first_dose_on"]
    ended, left = people["off_treatment_on"].notna(), people["off_study_on"].notna()
    everybody = pd.Series(True, people.index)
    is_breast = people["tumor_location"] == "BREAST"
    was_dosed = dated & (people["dosed"].astype(bool) | people["last_dose_on"].notna() | ended)
    at_baseline = people["first_assessed_on"] <= first
    responds = people["response_recorded"].astype(bool) & people["treated"].astype(bool) & ~people["pending"]
    expected = {
        Item.ECOG: (everybody, people["ecog"].isna()),
        Item.SEX: (everybody, people["sex"].isna()),
        Item.AGE: (everybody, people["birth_year"].isna() & people["age_at_enrolment"].isna()),
        Item.STAGE: (everybody, people["stage"].isna()),
        Item.SUBTYPE: (is_breast, people["subtype"].isna() | (people["subtype"] == Subtype.UNKNOWN.value)),
        Item.PRIOR_LINES: (everybody, people["prior_lines"].isna()),
        Item.CONSENT: (dated, people["consented_on"].isna()),
        Item.RESEARCH_CONSENT: (dated, people["consents_to_data_research"].isna()),
        Item.FIRST_DOSE: (was_dosed, first.isna()),
        Item.BASELINE: (dated & first.notna() & people["is_assessed"].astype(bool), ~at_baseline),
        Item.BEST_RESPONSE: (responds, people["source"].isna()),
        Item.LAST_DOSE: (ended, people["last_dose_on"].isna()),
        Item.OFF_TREATMENT_REASON: (ended, people["off_treatment_reason"].isna()),
        Item.OFF_STUDY_REASON: (left, people["off_study_reason"].isna()),
        Item.LAST_KNOWN_ALIVE: (dated & people["died_on"].isna(), people["last_known_alive_on"].isna()),
    }
    return pd.DataFrame(
        {
            item.value: missing.astype("boolean").where(wanted.astype(bool))
            for item, (wanted, missing) in expected.items()
        },
        index=people.index,
    )
