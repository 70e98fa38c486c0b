"""Best overall response from the responses at each assessment (RECIST 1.1).

Source: Eisenhauer et al., Eur J Cancer 2009;45:228-247, section 4.5 and table 3. The details that the paper leaves
open are those of pharmaverse's admiralonco (derive_param_bor, derive_param_confirmed_bor), against whose tests this
is tested.
"""

import numpy as np
import pandas as pd
from pandas.api.extensions import take

from tracker.rules.lesions import days
from tracker.terms.response import OverallResponse

#: Days after which a second assessment can confirm CR or PR (section 4.6: "not less than 4 weeks").
CONFIRM_DAYS = 28

#: NE assessments that may lie between a response and the one that confirms it.
MAXIMUM_NE_BETWEEN = 1

#: Days for which SD, or neither CR nor PD, counts as clinical benefit: 24 weeks.
BENEFIT_DAYS = 168

#: Best first.
RANKS = [
    OverallResponse.CR.value,
    OverallResponse.PR.value,
    OverallResponse.SD.value,
    OverallResponse.NON_CR_NON_PD.value,
    OverallResponse.NO_DISEASE.value,
    OverallResponse.PD.value,
    OverallResponse.NE.value,
]


def best_responses(
    participants, responses, maximum_ne=MAXIMUM_NE_BETWEEN, accept_sd=False, benefit_days=BENEFIT_DAYS
) -> pd.DataFrame:
    """Best overall response of each participant, unconfirmed and confirmed.

    participants: participant_id, start_on (time zero), new_therapy_on, minimum_sd_days. responses: participant_id,
    assessment_id, assessed_on and response of the assessments after baseline, superseded ones left out; in any
    order. Assessments after the first PD, or after the day of a new anticancer therapy, do not count.

    - CR, PR: unconfirmed, any. Confirmed CR: the first assessment at least CONFIRM_DAYS later that is CR, with only
      CR and at most `maximum_ne` NE between. Confirmed PR: the same with PR or CR, without a PR after a CR, and
      without SD between (with `accept_sd`, one).
    - SD, Non-CR/Non-PD, no disease: at least minimum_sd_days after the start; a CR or PR that is not confirmed
      counts as SD then.
    - Else PD; else NE, of which any earlier assessment is worth no more.

    Disease that is there again after CR is PD (table 3, note a), and `recist_responses` says so. CR followed by PR or
    SD is left only where responses come from elsewhere: there it counts as SD, as in admiralonco, except where the
    first assessment of all was that CR, and too early to be SD: then, by table 3, PD.

    Returns by participant_id: `best_unconfirmed` and `best_confirmed` (OverallResponse; missing without an
    assessment), each with the day (`..._on`) and the assessment (`..._assessment`) that first met it; confirmed_by
    and confirmed_by_on (the assessment that confirmed CR or PR), `response_unconfirmed_on` and
    `response_confirmed_on` (the first CR or PR, of any kind), `benefit_unconfirmed` and `benefit_confirmed` (CR or
    PR, or neither progressed nor not evaluable at benefit_days or later).
    """
    rows = _Counted(participants, responses)
    day, p, response = rows.day, rows.participant, rows.response
    start = days(participants["start_on"])[p]
    minimum = participants["minimum_sd_days"].to_numpy(np.int64)[p]
    confirmed_by, confirmed_cr, confirmed_pr = _confirmations(day, p, response, maximum_ne, accept_sd)
    cr, pr, progressed = response == "CR", response == "PR", response == "PD"
    stable = np.isin(response, ["CR", "PR", "SD"])
    other = np.isin(response, ["Non-CR/Non-PD", "NED"])
    lasting = day >= start + minimum
    found = {}
    for name, is_cr, is_pr in (("unconfirmed", cr, pr), ("confirmed", confirmed_cr, confirmed_pr)):
        rank = np.select(
            [is_cr, is_pr, stable & lasting, other & lasting, progressed],
            [0, 1, 2, np.where(response == "NED", 4, 3), 5],
            6,
        )
        at = _first_best(rank, p, len(participants))
        found[f"best_{name}"] = take(pd.array(np.array(RANKS)[rank], dtype="str"), at, allow_fill=True)
        found[f"best_{name}_on"] = take(rows.assessed_on, at, allow_fill=True)
        found[f"best_{name}_assessment"] = take(rows.assessment_id, at, allow_fill=True)
        responded = _first(is_cr | is_pr, p, len(participants))
        found[f"response_{name}_on"] = take(rows.assessed_on, responded, allow_fill=True)
        benefit = _first((stable | other) & (day >= start + benefit_days), p, len(participants)) >= 0
        found[f"benefit_{name}"] = (responded >= 0) | benefit
        if name == "confirmed":
            by = np.append(np.where(rank < 2, confirmed_by, -1), -1)[at]
            found["confirmed_by_on"] = take(rows.assessed_on, by, allow_fill=True)
            found["confirmed_by"] = take(rows.assessment_id, by, allow_fill=True)
    return pd.DataFrame(found, pd.Index(participants["participant_id"].to_numpy(), name="participant_id"))


class _Counted:
    """The assessments that count, by participant and date: up to the first PD and the day of a new therapy.

    Of each: participant (the row in participants), assessment_id, assessed_on, day and response.
    """

    def __init__(self, participants, responses):
        place = pd.Index(participants["participant_id"]).get_indexer(responses["participant_id"])
        self.participant, self.day = place, days(responses["assessed_on"])
        self.assessed_on = responses["assessed_on"].to_numpy()
        self.assessment_id = responses["assessment_id"].to_numpy()
        self.response = responses["response"].to_numpy(object).astype("U16")
        self._keep(np.lexsort((self.assessment_id, self.day, place)))
        therapy = days(participants["new_therapy_on"])
        therapy = np.append(np.where(therapy < -(2**30), 2**40, therapy), 0)[self.participant]
        self._keep((self.participant >= 0) & (self.response != "") & (self.day <= therapy))
        first = np.searchsorted(self.participant, self.participant)
        self.response = _disease_after_early_cr(participants, self, first)
        progressed = self.response == "PD"
        before = np.cumsum(progressed) - progressed
        self._keep(before == before[first])

    def _keep(self, rows):
        for name, values in vars(self).items():
            setattr(self, name, values[rows])


def _disease_after_early_cr(participants, rows, first):
    """The responses, with PD for a PR or SD that follows a CR that came first and too early (table 3)."""
    p, response = rows.participant, rows.response
    minimum = days(participants["start_on"]) + participants["minimum_sd_days"].to_numpy(np.int64)
    evaluable = response != "NE"
    nth = np.cumsum(evaluable)
    nth = nth - (nth[first] - evaluable[first])
    early = evaluable & (nth == 1) & (response == "CR") & (rows.day < minimum[p])
    started_so = np.bincount(p[early], minlength=len(participants)) > 0
    again = evaluable & (nth == 2) & started_so[p] & np.isin(response, ["PR", "SD"])
    return np.where(again, OverallResponse.PD.value, response)


def _confirmations(day, p, response, maximum_ne, accept_sd):
    """For each assessment the row that confirms it (-1: none), and whether it is a confirmed CR, a confirmed PR."""
    size = day.size
    if not size:
        nothing = np.zeros(0, bool)
        return np.zeros(0, np.int64), nothing, nothing
    rows = np.arange(size)
    is_ = {code: response == code for code in ("CR", "PR", "SD", "NE")}
    total = {code: np.r_[0, np.cumsum(mask)] for code, mask in is_.items()}
    end = np.searchsorted(p, p, "right")
    # The first assessment of the same participant that is late enough to confirm.
    reach = p * np.int64(2**32)
    low = day.min()
    late = np.searchsorted(reach + day - low, reach + day - low + CONFIRM_DAYS)
    confirmed_by = np.full(size, -1)
    confirmed = {}
    next_cr = _next(is_["CR"])
    for code, confirming in (("CR", is_["CR"]), ("PR", is_["CR"] | is_["PR"])):
        by = np.append(_next(confirming), size)[np.minimum(late, size)]
        there = is_[code] & (by < end)
        by = np.where(there, by, rows)
        between = {name: counts[by] - counts[rows + 1] for name, counts in total.items()}
        allowed = between["CR"] + between["NE"] + (between["PR"] + between["SD"] if code == "PR" else 0)
        fine = there & (allowed == by - rows - 1) & (between["NE"] <= maximum_ne)
        if code == "PR":
            cr_first = np.append(next_cr, size)[rows + 1]
            pr_after = np.where(cr_first < by, total["PR"][by + 1] - total["PR"][np.minimum(cr_first, by)], 0)
            fine &= (between["SD"] <= int(accept_sd)) & (pr_after == 0)
        confirmed[code] = fine
        confirmed_by = np.where(fine, by, confirmed_by)
    return confirmed_by, confirmed["CR"], confirmed["PR"]


def _next(mask):
    """The first row from each on that the mask holds, or the number of rows."""
    marked = np.where(mask, np.arange(mask.size), mask.size)
    return np.minimum.accumulate(marked[::-1])[::-1]


def _first_best(rank, p, participants):
    """By participant the first row of the smallest rank, or -1."""
    size = max(rank.size, 1)
    best = np.full(participants, len(RANKS) * size)
    np.minimum.at(best, p, rank * size + np.arange(rank.size))
    return np.where(best < len(RANKS) * size, best % size, -1)


def _first(mask, p, participants):
    found = np.full(participants, mask.size)
    np.minimum.at(found, p[mask], np.flatnonzero(mask))
    return np.where(found < mask.size, found, -1)
