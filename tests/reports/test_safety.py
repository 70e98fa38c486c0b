"""The safety report: who is counted, once and at the worst grade, and by which flag."""

import datetime

import pytest

from tests.factories import (
    make_adverse_event,
    make_agent,
    make_arm,
    make_participant,
    make_regimen,
    make_trial,
)
from tracker.models import Attribution
from tracker.reports.base import run_report
from tracker.terms.participant import OffTreatmentReason
from tracker.terms.treatment import ActionTaken, Causality, EventOutcome, Immunosuppression

SKIN, GUT = "Skin and subcutaneous tissue disorders", "Gastrointestinal disorders"
FIRST = datetime.date(2024, 1, 17)


def day(number):
    """A study day; the first dose is day 1."""
    return FIRST + datetime.timedelta(days=number - 1)


def make_event(participant, term, soc, grade, on=10, agents=(), **given):
    return make_adverse_event(
        participant=participant,
        term=term,
        ctcae_term=None,
        soc=soc,
        grade=grade,
        started_on=day(on),
        attributions=[Attribution(agent=agent, causality=Causality.POSSIBLE) for agent in agents],
        **given,
    )


@pytest.fixture
def arm(app):
    return make_arm(trial=make_trial(code="SAFE"), code="A")


@pytest.fixture
def four(arm):
    """The worked table of the reference values: four treated, of whom three had events."""
    people = [make_participant(trial=arm.trial, arm=arm, first_dose_on=FIRST) for _repeat in range(4)]
    one, two, three, _four = people
    make_event(one, "Rash", SKIN, 1)
    make_event(one, "Rash", SKIN, 3, on=20)
    make_event(one, "Pruritus", SKIN, 2)
    make_event(two, "Rash", SKIN, 2)
    make_event(two, "Colitis", GUT, 3)
    make_event(three, "Colitis", GUT, 5)
    return people


def tables(*arguments):
    return {table.name: table.rows for table in run_report("safety", arguments).tables}


def worst(*arguments):
    return {(row["soc"], row["term"]): row for row in tables(*arguments)["worst_grade"]}


def test_each_participant_counts_once_a_row_at_the_worst_grade(four):
    found = worst()
    assert {key: row["any"] for key, row in found.items()} == {
        (None, None): 3,
        (SKIN, None): 2,
        (SKIN, "Rash"): 2,
        (SKIN, "Pruritus"): 1,
        (GUT, None): 2,
        (GUT, "Colitis"): 2,
    }
    assert [found[None, None][f"g{grade}"] for grade in range(1, 6)] == [0, 0, 2, 0, 1]
    assert [found[SKIN, "Rash"][f"g{grade}"] for grade in range(1, 6)] == [0, 1, 1, 0, 0]
    assert {row["n"] for row in found.values()} == {4}


def test_the_columns_are_those_that_others_rely_on(four):
    found = {table.name: list(table.frame.columns) for table in run_report("safety", [("by", "arm")]).tables}
    grades = ["g1", "g2", "g3", "g4", "g5"]
    assert found["worst_grade"] == ["arm", "soc", "term", "n", "any", *grades]
    flags = ["any", "treatment_emergent", "related", "immune_related", "serious", "grade3plus", "grade5"]
    assert found["overview"] == ["arm", "n", *flags, "dlt", "discontinued"]


def test_classes_come_by_frequency_with_their_terms_below(four):
    rows = [(row["soc"], row["term"]) for row in tables()["worst_grade"]]
    assert rows[0] == (None, None)
    assert rows[1:3] == [(GUT, None), (GUT, "Colitis")]  # as frequent as the skin's, and first by letter
    assert rows[3:] == [(SKIN, None), (SKIN, "Rash"), (SKIN, "Pruritus")]


def test_the_overview_counts_participants_by_flag(arm):
    agent = make_agent()
    one, two, three = (
        make_participant(trial=arm.trial, arm=arm, first_dose_on=FIRST, last_dose_on=day(40))
        for _repeat in range(3)
    )
    make_event(one, "Rash", SKIN, 1, agents=[agent], immune_related=True)
    make_event(one, "Colitis", GUT, 3, serious=True, dlt=True, action_taken=ActionTaken.WITHDRAWN)
    make_event(two, "Rash", SKIN, 5, on=71)  # 31 days after the last dose
    three.off_treatment_reason, three.off_treatment_on = OffTreatmentReason.ADVERSE_EVENT, day(41)
    (row,) = tables()["overview"]
    assert row == {
        "group": "all",
        "n": 3,
        "any": 2,
        "treatment_emergent": 1,
        "related": 1,
        "immune_related": 1,
        "serious": 1,
        "grade3plus": 2,
        "grade5": 1,
        "dlt": 1,
        "discontinued": 2,
    }


@pytest.mark.parametrize(
    "events, expected",
    [("all", 3), ("treatment_emergent", 2), ("related", 1), ("immune_related", 1), ("serious", 1)],
)
def test_events_can_be_narrowed(arm, events, expected):
    people = [
        make_participant(trial=arm.trial, arm=arm, first_dose_on=FIRST, last_dose_on=FIRST)
        for _repeat in range(3)
    ]
    make_event(people[0], "Rash", SKIN, 1, agents=[make_agent()], immune_related=True)
    make_event(people[1], "Rash", SKIN, 1, serious=True)
    make_event(people[2], "Rash", SKIN, 1, on=32)
    found = worst(("events", events))
    assert found[None, None]["any"] == expected
    assert found[None, None]["n"] == 3


def test_groups_are_compared_row_by_row(four, arm):
    other = make_arm(trial=arm.trial, code="B")
    make_participant(trial=arm.trial, arm=other, first_dose_on=FIRST)
    make_participant(trial=arm.trial, arm=other, first_dose_on=None)
    rows = tables(("by", "arm"))["worst_grade"]
    of_b = [row for row in rows if row["arm"] == "SAFE/B"]
    assert len(rows) == 2 * len(of_b) == 12
    assert {(row["n"], row["any"]) for row in of_b} == {(1, 0)}


def test_where_people_read_a_groups_terms_are_those_that_somebody_had(four, arm):
    other = make_arm(trial=arm.trial, code="B")
    make_participant(trial=arm.trial, arm=other, first_dose_on=FIRST)
    table = run_report("safety", [("by", "arm")]).tables[0]
    assert [(row["soc"], row["n"]) for row in table.printed_rows if row["arm"] == "SAFE/B"] == [(None, 1)]
    assert len(table.rows) == 12


def test_words_that_nobody_coded_have_a_class_of_their_own(four):
    make_event(four[3], "Feeling odd", None, 1)
    found = worst()
    assert found["not coded", "Feeling odd"]["any"] == found["not coded", None]["any"] == 1
    assert found[None, None]["any"] == 4


def test_attribution_is_told_for_each_agent_of_a_combination(app):
    first, second = make_agent(name="ipilimumab"), make_agent(name="nivolumab")
    arm = make_arm(trial=make_trial(), regimen=make_regimen([first, second]))
    one, two = (make_participant(trial=arm.trial, arm=arm, first_dose_on=FIRST) for _repeat in range(2))
    make_event(one, "Colitis", GUT, 3, agents=[first, second])
    unrelated = make_event(two, "Colitis", GUT, 2, agents=[second])
    unrelated.attributions.append(Attribution(agent=first, causality=Causality.UNLIKELY))
    found = {row["agent"]: (row["n"], row["any"], row["grade3plus"]) for row in tables()["attribution"]}
    assert found == {"ipilimumab": (2, 1, 1), "nivolumab": (2, 2, 1)}


def test_rates_end_with_the_first_event_and_have_exact_limits(arm):
    """Two participants: 10 days to the first event, and 21 + 30 days without one."""
    one, _two = (
        make_participant(trial=arm.trial, arm=arm, first_dose_on=FIRST, last_dose_on=day(22))
        for _repeat in range(2)
    )
    make_event(one, "Rash", SKIN, 1)
    make_event(one, "Rash", SKIN, 1, on=20)
    row = next(row for row in tables()["exposure"] if row["kind"] == "any")
    assert (row["events"], row["person_years"]) == (1, pytest.approx((10 + 52) / 365.25))
    assert row["rate"] == pytest.approx(365.25 / 62)
    assert row["low"] < row["rate"] < row["high"]


def test_immune_related_events_have_onset_and_duration(arm):
    one, two = (make_participant(trial=arm.trial, arm=arm, first_dose_on=FIRST) for _repeat in range(2))
    steroid = {"immune_related": True, "immunosuppression": Immunosuppression.SYSTEMIC}
    make_event(one, "Colitis", GUT, 3, on=30, ended_on=day(43), **steroid)
    make_event(two, "Colitis", GUT, 2, on=50, immune_related=True)
    (row,) = tables()["immune_related"]
    assert (row["participants"], row["grade3plus"], row["ongoing"], row["steroids"]) == (2, 1, 1, 1)
    assert (row["onset_median"], row["onset_first"], row["onset_last"], row["duration_median"]) == (
        40,
        30,
        50,
        14,
    )


def test_a_first_immune_related_event_competes_with_death(arm):
    """Of four one has it on day 20, one dies on day 10, two are followed for 51 days: Aalen and Johansen by hand."""
    people = [
        make_participant(trial=arm.trial, arm=arm, first_dose_on=FIRST, last_dose_on=day(21))
        for _repeat in range(3)
    ]
    make_participant(trial=arm.trial, arm=arm, first_dose_on=FIRST, last_dose_on=day(2), died_on=day(10))
    make_event(people[0], "Colitis", GUT, 3, on=20, immune_related=True)
    found = {row["month"]: row for row in tables()["immune_onset"]}
    assert found[1]["incidence"] == pytest.approx(3 / 4 * 1 / 3)
    assert found[1]["at_risk"] == 2
    assert found[3]["incidence"] is None  # nobody was followed for so long


def test_deaths_within_thirty_days_of_the_last_dose_are_listed(arm):
    dates = [(day(20), day(50)), (day(20), day(51)), (None, day(30)), (day(20), None)]
    people = [
        make_participant(trial=arm.trial, arm=arm, first_dose_on=FIRST, last_dose_on=last, died_on=died)
        for last, died in dates
    ]
    make_event(people[0], "Colitis", GUT, 4, outcome=EventOutcome.FATAL)
    found = {row["participant"]: row for row in tables()["deaths"]}
    codes = [f"SAFE/{person.code}" for person in people]
    assert set(found) == {codes[0], codes[2]}
    assert (found[codes[0]]["days_after_last_dose"], found[codes[0]]["fatal_events"]) == (30, "Colitis")
    assert found[codes[2]]["days_after_last_dose"] is None


def test_later_events_are_not_known_yet(four):
    assert worst(("as_of", day(15).isoformat()))[SKIN, "Rash"]["g3"] == 0


def test_nobody_treated_has_no_events(app):
    make_participant(first_dose_on=None)
    found = tables()
    assert found["overview"][0]["n"] == 0
    assert str(run_report("safety", []).sentence) == "No participant was treated."


def test_arms_are_masked_and_who_sees_no_trial_sees_nothing(sign_in, arm):
    masked = make_arm(trial=make_trial(code="RND", is_randomised=True))
    participant = make_participant(trial=masked.trial, arm=masked, first_dose_on=FIRST)
    make_event(participant, "Rash", SKIN, 1)
    browser = sign_in("physician", [masked.trial])
    page = browser.get("/reports/safety.json?by=arm").get_json()
    assert {row["arm"] for row in page["tables"][0]["rows"]} == {"masked"}
    assert sign_in("physician").get("/reports/safety.json").get_json()["tables"][1]["rows"][0]["n"] == 0


def test_who_may_not_know_the_arm_is_not_told_the_agent_that_an_event_was_attributed_to(sign_in):
    masked = make_arm(trial=make_trial(code="RND", is_randomised=True), regimen=make_regimen())
    participant = make_participant(trial=masked.trial, arm=masked, first_dose_on=FIRST)
    agent = masked.regimen.components[0].agent
    make_event(participant, "Rash", SKIN, 1, agents=[agent])

    def agents(role):
        page = sign_in(role, [masked.trial]).get("/reports/safety.json").get_json()
        (table,) = [one for one in page["tables"] if one["name"] == "attribution"]
        return [(row["agent"], row["any"]) for row in table["rows"]]

    assert agents("researcher") == [("masked", 1)]
    browser = sign_in("researcher", [masked.trial])
    browser.set_cookie("language", "fr")
    page = browser.get("/reports/safety").text
    assert '<th scope="row" class="nowrap">masqué</th>' in page
    assert ">masked<" not in page
    assert agents("director") == [(agent.name, 1)]


@pytest.mark.parametrize("format", ["csv", "xlsx", "svg", "pdf"])
def test_every_format_is_written(four, sign_in, format):
    answer = sign_in("director").get(f"/reports/safety.{format}")
    assert answer.status_code == 200
    assert answer.data


def test_the_page_reads_as_a_sentence(four, sign_in):
    page = sign_in("director").get("/reports/safety").text
    assert (
        "3 of 4 treated participants had an adverse event, 3 one of grade 3 or higher, and 1 died of one."
        in page
    )


def test_who_came_without_dates_counts_where_their_trial_records_events(app):
    with_events, without = (make_arm(trial=make_trial(code=code)) for code in ("WITH", "NONE"))
    people = [
        make_participant(trial=arm.trial, arm=arm, undated=True, first_dose_on=None, enrolled_on=None)
        for arm in (with_events, with_events, without)
    ]
    make_adverse_event(participant=people[0], grade=2, started_on=datetime.date(2000, 1, 8))
    rows = {row["trial"]: row for row in tables(("by", "trial"))["overview"]}
    assert {name: (row["n"], row["any"], row["treatment_emergent"]) for name, row in rows.items()} == {
        "WITH": (2, 1, 1)
    }
