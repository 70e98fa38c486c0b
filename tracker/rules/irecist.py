"""iRECIST: progression that must be confirmed, beside RECIST 1.1.

Source: Seymour et al., Lancet Oncol 2017;18:e143-e152 (tables 2 and 3), and the iRECIST questions and
clarifications of the RECIST working group (recist.eortc.org) where the tables leave a case open.
"""

import numpy as np
import pandas as pd

from tracker.rules.lesions import days
from tracker.terms.response import ImmuneResponse

#: Days after the first iUPD from which progression can be confirmed, and up to which it should be (4 to 8 weeks).
CONFIRM_FROM_DAYS, CONFIRM_UNTIL_DAYS = 28, 56

#: Growth of a sum that confirms progression, in mm.
GROWTH_MM = 5

#: Best first; iCPD ends what counts.
RANKS = [
    ImmuneResponse.ICR.value,
    ImmuneResponse.IPR.value,
    ImmuneResponse.ISD.value,
    ImmuneResponse.NON_ICR_NON_IUPD.value,
    ImmuneResponse.ICPD.value,
    ImmuneResponse.IUPD.value,
    ImmuneResponse.NE.value,
]

_OF_RECIST = {
    "CR": ImmuneResponse.ICR.value,
    "PR": ImmuneResponse.IPR.value,
    "SD": ImmuneResponse.ISD.value,
    "Non-CR/Non-PD": ImmuneResponse.NON_ICR_NON_IUPD.value,
    "NE": ImmuneResponse.NE.value,
    "NED": "NED",
    "PD": ImmuneResponse.IUPD.value,
}


def immune_response(response, pending=False, worsened=False) -> np.ndarray:
    """The iRECIST response of a time point (ImmuneResponse), table 2.

    response: the RECIST 1.1 overall response of the same findings; pending: an earlier iUPD is neither confirmed nor
    taken back; worsened: something grew since that iUPD by as much as confirms it, or progressed for the first time
    (`progression_worsened`). All broadcast together. Without any lesion: NED.
    """
    response, pending, worsened = np.broadcast_arrays(response, pending, worsened)
    confirmed = pending & worsened
    named = np.select([response == code for code in _OF_RECIST], list(_OF_RECIST.values()), "")
    return np.where(confirmed, ImmuneResponse.ICPD.value, named)


def progression_worsened(before, now, growth) -> np.ndarray:
    """Whether progression is confirmed by what happened since the iUPD (table 2).

    before, now: which of target, non_target and new lesions are (i)UPD, at the iUPD and now, as dictionaries of
    booleans. growth: since the iUPD, target_mm (of their sum), non_target (lesions that grew at all), new_mm (of
    the sum of measured new lesions), new_grown (new lesions that are not measured and grew at all) and new_more
    (further new lesions).
    """
    same = (
        (before["target"] & now["target"] & (growth["target_mm"] >= GROWTH_MM))
        | (before["non_target"] & (growth["non_target"] > 0))
        | (
            before["new"]
            & ((growth["new_mm"] >= GROWTH_MM) | (growth["new_grown"] > 0) | (growth["new_more"] > 0))
        )
    )
    other = np.zeros_like(same)
    for category in ("target", "non_target", "new"):
        other = other | (now[category] & ~before[category])
    return same | other


def immune_responses(responses) -> pd.DataFrame:
    """The iRECIST response at each assessment.

    responses: the assessments of `recist_responses` after baseline, superseded ones left out.

    - The first progression is iUPD. It is confirmed (iCPD) at an assessment at least 4 weeks later, when something
      worsened since (`progression_worsened`; increases add up over assessments, also from the smallest sum since
      the iUPD). Earlier than 4 weeks, or without worsening, it stays iUPD. NE neither confirms nor takes back.
    - iSD, iPR or iCR takes it back: the bar is reset, and the next progression is a new iUPD.
    - A new lesion that stays without growing keeps iUPD, but does not stand in the way when the target lesions come
      to PR or CR after it (scenario B of the paper): then iPR, and that new lesion is progression again only when
      it is recorded as progressed, its sum grows by 20 % and 5 mm, or another one appears.
    - A non-target lesion that is recorded as unequivocally progressed once more has grown further.
    - After iCPD everything is iCPD.

    Returns responses' participant_id, assessment_id and assessed_on, by participant and date, and
    immune_response, first_iupd_on (of the iUPD that is pending or confirmed), confirmed_late (iCPD more than
    8 weeks after it).
    """
    rows = responses.assign(day=days(responses["assessed_on"]))
    rows = rows.sort_values(
        ["participant_id", "assessed_on", "assessment_id"], kind="stable", ignore_index=True
    )
    state = _Course(rows)
    for at in state.steps():
        state.take(at)
    first = state.first_day
    dates = pd.Series(np.where(first >= 0, first, 0).astype("datetime64[D]")).astype("datetime64[us]")
    late = (state.response == ImmuneResponse.ICPD.value) & (
        rows["day"].to_numpy() - first > CONFIRM_UNTIL_DAYS
    )
    return pd.DataFrame(
        {
            "participant_id": rows["participant_id"],
            "assessment_id": rows["assessment_id"],
            "assessed_on": rows["assessed_on"],
            "immune_response": pd.Series(state.response, dtype="str"),
            "first_iupd_on": dates.where(first >= 0),
            "confirmed_late": late & state.newly_confirmed,
        }
    )


class _Course:
    """All participants' assessments, taken one after the other, each step for all participants at once."""

    def __init__(self, rows):
        self.participant = pd.factorize(rows["participant_id"])[0]
        size = self.participant.max(initial=-1) + 1
        self.day = rows["day"].to_numpy()
        self.recist = rows["response"].to_numpy("U16")
        self.target = rows["target"].to_numpy("U16")
        self.sum_um = np.rint(rows["sum_mm"].fillna(0).to_numpy() * 1000)
        self.has_sum = rows["sum_complete"].to_numpy(bool)
        self.is_ = {
            "target": self.target == "PD",
            "non_target": (rows["non_target"] == "PD").to_numpy(),
            "new": rows["new_lesion"].to_numpy(bool),
        }
        counted = {
            "non_target": rows["non_target_increases"],
            "new_um": np.rint(rows["new_growth_mm"].to_numpy() * 1000),
            "new_grown": rows["new_lesions_progressed"],
            "new_more": rows["new_lesions_appeared"],
        }
        self.total = {name: np.cumsum(np.asarray(values, float)) for name, values in counted.items()}
        self.progressed_new = np.asarray(counted["new_grown"])
        self.appeared = np.asarray(counted["new_more"])
        self.new_sum_um = np.rint(rows["new_sum_mm"].to_numpy() * 1000)
        self.response = np.full(len(rows), "", "U16")
        self.first_day = np.full(len(rows), -1, np.int64)
        self.newly_confirmed = np.zeros(len(rows), bool)
        # By participant: the state of the course so far.
        self.pending, self.confirmed, self.excused = (np.zeros(size, bool) for _state in range(3))
        self.since = np.zeros(size, np.int64)
        self.before = {name: np.zeros(size, bool) for name in self.is_}
        self.target_rank = np.zeros(size, np.int64)
        self.least_sum, self.least_new, self.excused_sum = (np.full(size, np.inf) for _state in range(3))

    def steps(self):
        """The rows of the first assessments, of the second ones, and so on."""
        if not self.participant.size:
            return
        nth = np.arange(self.participant.size) - np.searchsorted(self.participant, self.participant)
        order = np.argsort(nth, kind="stable")
        yield from np.split(order, np.flatnonzero(np.diff(nth[order])) + 1)

    def take(self, at):
        p = self.participant[at]
        now = {name: mask[at] for name, mask in self.is_.items()}
        now["new"] = now["new"] & ~(self.excused[p] & ~self._new_again(at, p))
        before = {name: mask[p] for name, mask in self.before.items()}
        growth = self._growth(at, p)
        pending = self.pending[p]
        waited = self.day[at] - np.where(pending, self.day[self.since[p]], 0) >= CONFIRM_FROM_DAYS
        worsened = progression_worsened(before, now, growth)
        rank = np.select([self.target[at] == code for code in ("CR", "PR", "SD")], [3, 2, 1], 0)
        shrank = pending & ~worsened & now["new"] & ~now["target"] & ~now["non_target"]
        shrank &= (rank >= 2) & (rank > self.target_rank[p])
        response = np.where(
            shrank | (self.is_["new"][at] & ~now["new"]), self._without_new(at, now), self.recist[at]
        )
        immune = immune_response(response, pending & waited, worsened)
        immune = np.where(self.confirmed[p], ImmuneResponse.ICPD.value, immune)
        self.response[at] = immune
        self._note(at, p, immune, now, shrank, rank)

    def _new_again(self, at, p):
        """Whether new lesions that no longer counted are progression once more."""
        grew = (self.new_sum_um[at] * 5 >= self.excused_sum[p] * 6) & (
            self.new_sum_um[at] - self.excused_sum[p] >= GROWTH_MM * 1000
        )
        return (self.appeared[at] > 0) | (self.progressed_new[at] > 0) | grew

    def _growth(self, at, p):
        since = self.since[p]
        growth = {name: values[at] - values[since] for name, values in self.total.items()}
        growth["new_mm"] = (
            self.total["new_um"][at] - np.minimum(self.least_new[p], self.total["new_um"][at])
        ) / 1000
        growth["target_mm"] = (
            np.where(np.isfinite(self.least_sum[p]), self.sum_um[at] - self.least_sum[p], -np.inf) / 1000
        )
        return growth

    def _without_new(self, at, now):
        """The RECIST response were it not for the new lesions; never CR while one is there."""
        target = self.target[at]
        progressed = now["target"] | now["non_target"]
        named = np.select([progressed, np.isin(target, ["CR", "PR"]), target != ""], ["PD", "PR", target], "")
        return np.where(
            named == "", np.where(self.recist[at] == "PD", "Non-CR/Non-PD", self.recist[at]), named
        )

    def _note(self, at, p, immune, now, shrank, rank):
        """Carry the course on: what is pending, since when, and what it is compared with."""
        is_iupd, is_icpd = immune == ImmuneResponse.IUPD.value, immune == ImmuneResponse.ICPD.value
        self.newly_confirmed[at] = is_icpd & ~self.confirmed[p]
        self.confirmed[p] |= is_icpd
        begins = is_iupd & ~self.pending[p]
        who, row = p[begins], at[begins]
        self.since[who] = row
        self.target_rank[who] = rank[begins]
        self.least_sum[who] = np.inf
        self.least_new[who] = self.total["new_um"][row]
        for name in self.before:
            self.before[name][who] = False
        self.pending[who] = True
        waited = self.day[at] - self.day[self.since[p]] >= CONFIRM_FROM_DAYS
        stays = is_iupd & (begins | waited)
        for name, mask in now.items():
            self.before[name][p[stays]] |= mask[stays]
        summed = is_iupd & self.has_sum[at]
        self.least_sum[p[summed]] = np.minimum(self.least_sum[p[summed]], self.sum_um[at[summed]])
        self.least_new[p[is_iupd]] = np.minimum(self.least_new[p[is_iupd]], self.total["new_um"][at[is_iupd]])
        reset = ~is_iupd & ~is_icpd & ~np.isin(immune, [ImmuneResponse.NE.value])
        self.pending[p[reset]] = False
        who = p[shrank & reset]
        self.excused[who] = True
        self.excused_sum[who] = np.inf
        self.excused[p[is_iupd & now["new"]]] = False
        standing = p[self.excused[p]]
        self.excused_sum[standing] = np.minimum(
            self.excused_sum[standing], self.new_sum_um[at[self.excused[p]]]
        )
        open_ = self.pending[p] | self.confirmed[p]
        self.first_day[at] = np.where(open_, self.day[self.since[p]], -1)


def best_immune_responses(participants, immune) -> pd.DataFrame:
    """Best overall response by iRECIST (iBOR), and the day of progression, table 3.

    participants: participant_id, start_on, minimum_sd_days. immune: participant_id, assessed_on and
    immune_response, of `immune_responses` or as recorded elsewhere.

    The best of iCR, iPR and iSD (or neither) before iCPD, without confirmation of iCR and iPR; else iCPD, iUPD, NE.
    iSD needs minimum_sd_days, as in RECIST 1.1. The day of progression is that of the first iUPD since the last iSD,
    iPR or iCR before iCPD; where an iUPD was neither confirmed nor taken back, its day is `unconfirmed_since`.

    Returns by participant_id: best_immune (missing without an assessment), progressed_on, confirmed_on,
    unconfirmed_since.
    """
    index = pd.Index(participants["participant_id"].to_numpy(), name="participant_id")
    rows = immune.assign(participant=index.get_indexer(immune["participant_id"]))
    rows = rows[(rows["participant"] >= 0) & (rows["immune_response"] != "")]
    rows = rows.sort_values(["participant", "assessed_on"], kind="stable", ignore_index=True)
    p, response = rows["participant"].to_numpy(), rows["immune_response"].to_numpy("U16")
    first = np.searchsorted(p, p)
    confirmed = np.cumsum(response == ImmuneResponse.ICPD.value)
    before = confirmed - (response == ImmuneResponse.ICPD.value)
    counts = before == before[first]  # none after the first iCPD
    rows, p, response = rows[counts].reset_index(drop=True), p[counts], response[counts]
    lasting = (
        days(rows["assessed_on"])
        >= (days(participants["start_on"]) + participants["minimum_sd_days"].to_numpy(np.int64))[p]
    )
    rank = np.select([response == code for code in RANKS], range(len(RANKS)), 3)
    rank = np.where(np.isin(rank, [2, 3]) & ~lasting, len(RANKS) - 1, rank)
    best = np.full(len(index), len(RANKS))
    np.minimum.at(best, p, rank)
    found = pd.DataFrame({"best_immune": pd.Series(np.append(RANKS, "")[best], index, dtype="str")})
    found["best_immune"] = found["best_immune"].mask(best == len(RANKS))
    progression = (
        rows.assign(since=_since(rows, p, response)).groupby("participant").tail(1).set_index("participant")
    )
    progression = progression.reindex(range(len(index))).set_axis(index)
    confirmed = progression["immune_response"] == ImmuneResponse.ICPD.value
    found["progressed_on"] = progression["since"].where(confirmed)
    found["confirmed_on"] = progression["assessed_on"].where(confirmed)
    found["unconfirmed_since"] = progression["since"].mask(confirmed)
    return found


def _since(rows, p, response):
    """The day of the first iUPD (or iCPD) since the bar was last reset, missing where there is none."""
    if not p.size:
        return rows["assessed_on"]
    at = np.arange(p.size)
    progressed = np.isin(response, [ImmuneResponse.IUPD.value, ImmuneResponse.ICPD.value])
    reset = ~progressed & (response != ImmuneResponse.NE.value)
    begins = np.maximum.accumulate(np.where(reset, at + 1, np.searchsorted(p, p)))
    nearest = np.minimum.accumulate(np.where(progressed, at, p.size)[::-1])[::-1]
    first = np.append(nearest, p.size)[begins]
    days_ = rows["assessed_on"].to_numpy()[np.minimum(first, p.size - 1)]
    return pd.Series(days_).where(first <= at)
