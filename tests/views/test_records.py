"""Entering, changing and withdrawing records: what is refused, and that nothing is lost or stored twice."""

import html
import re

import pytest
import sqlalchemy as sa
from sqlalchemy.orm.exc import StaleDataError

from tests.conftest import form_values
from tests.factories import (
    make_adverse_event,
    make_agent,
    make_arm,
    make_participant,
    make_regimen,
    make_reported_outcome,
    make_trial,
    make_trial_member,
    make_user,
)
from tests.tables import copy_tables, differences
from tracker import actions, clock
from tracker.audit import because
from tracker.extensions import db
from tracker.models import Agent, Arm, AuditEvent, Participant, Regimen, Submission, Trial, TrialMember
from tracker.roles import Role
from tracker.views import records


@pytest.fixture
def trial(app):
    return make_trial(code="CCI-012")


@pytest.fixture
def physician(sign_in, trial):
    return sign_in(Role.PHYSICIAN, [trial])


AGENT = dict(name="pembrolizumab", mechanism_class="PD-1 inhibitor", modality="antibody")
PARTICIPANT = dict(code="CCI-0001", tumor_location="LUNG", enrolled_on="2024-01-15")


def events():
    db.session.rollback()
    return db.session.scalar(sa.select(sa.func.count(AuditEvent.id)))


# Entering


def test_a_record_is_entered_once_shown_and_listed(physician):
    answer = physician.submit("/agents/new", **AGENT, follow_redirects=True)
    assert answer.status_code == 200
    assert "pembrolizumab is stored." in answer.text
    assert "pembrolizumab" in physician.get("/agents/").text


def test_who_creates_a_trial_is_its_first_member(sign_in):
    browser = sign_in(Role.PHYSICIAN)
    answer = browser.submit(
        "/trials/new",
        code="CCI-077",
        title="A first trial",
        phase="PHASE1",
        status="RECRUITING",
        design="basket",
        response_criteria="RECIST 1.1",
    )
    assert answer.status_code == 303
    assert "CCI-077" in browser.get(answer.headers["Location"]).text
    assert db.session.scalar(sa.select(TrialMember.user_id)) == browser.user_id


def test_the_address_fills_in_what_a_record_belongs_to(physician, trial):
    assert "To which trial does it belong?" in physician.get("/arms/new").text
    assert form_values(physician.get(f"/arms/new?trial={trial.id}").text)["trial"] == str(trial.id)


@pytest.mark.parametrize("text", ["", "   ", "\t\n", "\u00a0\u3000"])
def test_a_required_field_is_not_left_empty(physician, refused, text):
    refused(physician, "/agents/new", field="name", **{**AGENT, "name": text}, is_kept=False)


def test_every_empty_field_is_named_at_once(physician, refused):
    answer = refused(physician, "/agents/new", field="name", name="")
    summary = answer.text.partition("error-summary")[2].partition("</ul>")[0]
    assert re.findall('href="#([a-z_]+)"', summary) == ["name", "mechanism_class", "modality"]


@pytest.mark.parametrize("length, status", [(100, 303), (101, 422)])
def test_a_text_may_have_as_many_characters_as_the_field_says_and_no_more(physician, length, status):
    assert physician.submit("/agents/new", **{**AGENT, "name": "é" * length}).status_code == status


def test_a_text_that_is_too_long_is_kept_on_the_page(physician, refused):
    refused(physician, "/agents/new", field="name", **{**AGENT, "name": "x" * 101})


@pytest.mark.parametrize(
    "text",
    [
        "pembro\x00lizumab",
        "two\nlines",
        "zero\u200bwidth",
        "right\u202eto left",
        "\ufeffmark",
        "lost \ufffd letter",
        "private \ue000 use",
        "e" + "\u0301" * 40,
    ],
)
def test_what_cannot_be_seen_is_not_stored(physician, refused, text):
    refused(physician, "/agents/new", field="name", **{**AGENT, "name": text})


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "{{7*7}}",
        "' OR 1=1--",
        "Robert'); DROP TABLE agent;--",
        "%(x)s {0} %s",
        "../../x",
    ],
)
def test_what_looks_like_code_is_stored_as_it_is_and_shown_as_text(physician, text):
    answer = physician.submit("/agents/new", **{**AGENT, "name": text}, follow_redirects=True)
    assert db.session.scalar(sa.select(Agent.name)) == text
    for address in (answer.request.path, "/agents/", f"/agents/?q={text[:5]}"):
        page = physician.get(address).text
        assert "<script>alert" not in page
        assert text in html.unescape(page)


def test_a_text_in_a_message_is_shown_as_text(physician):
    answer = physician.submit("/agents/new", **{**AGENT, "name": "<b>bold</b>"}, follow_redirects=True)
    assert "&lt;b&gt;bold&lt;/b&gt; is stored." in answer.text


@pytest.mark.parametrize(
    "name, value",
    [
        ("mechanism_class", "witchcraft"),
        ("mechanism_class", "PD-1 inhibitor'"),
        ("modality", "0"),
        ("modality", "None"),
    ],
)
def test_an_option_outside_the_list_is_refused(physician, refused, name, value):
    refused(physician, "/agents/new", field=name, is_kept=False, **{**AGENT, name: value})


def test_a_field_that_the_form_does_not_have_is_ignored(sign_in, physician):
    answer = physician.submit(
        "/agents/new", **AGENT, role="admin", id="77", version="9", withdrawn_at="2024-01-01"
    )
    assert answer.status_code == 303
    agent = db.session.scalar(sa.select(Agent))
    assert (agent.id, agent.version, agent.withdrawn_at) == (1, 1, None)


def test_nobody_gives_themselves_a_role(app, sign_in):
    browser = sign_in(Role.PHYSICIAN)
    browser.submit("/account/password", role="admin", name="root")
    assert [user["role"] for user in copy_tables()["user"].values()] == [Role.PHYSICIAN]


def test_a_field_that_is_sent_twice_is_refused(physician, refused):
    answer = refused(
        physician, "/agents/new", field="name", is_kept=False, **{**AGENT, "name": ["one", "two"]}
    )
    assert "This field was sent twice" in answer.text


def test_a_form_of_a_megabyte_is_refused(physician, refused):
    refused(physician, "/agents/new", answered=413, is_kept=False, **{**AGENT, "name": "x" * 1_000_000})


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_form_of_ten_thousand_fields_is_refused(physician, content_type):
    before = copy_tables()
    if content_type == "multipart/form-data":
        part = '--x\r\nContent-Disposition: form-data; name="f"\r\n\r\n1\r\n'
        body, content_type = part * 10_000 + "--x--\r\n", "multipart/form-data; boundary=x"
    else:
        body = "&".join(f"f{number}=1" for number in range(10_000))
    answer = physician.post("/agents/new", data=body, content_type=content_type)
    assert answer.status_code == 413
    assert differences(before, copy_tables()) == {}


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "application/xml", "", "multipart/form-data"]
)
def test_what_is_no_form_is_refused(physician, content_type):
    before = copy_tables()
    answer = physician.post("/agents/new", data=b'{"name": "x"}', content_type=content_type)
    assert 400 <= answer.status_code < 500
    assert differences(before, copy_tables()) == {}


@pytest.mark.parametrize("token", ["", "forged", "IjAi.aaaa.bbbb"])
def test_a_form_without_its_token_is_refused_and_keeps_what_was_typed(physician, refused, token):
    answer = refused(physician, "/agents/new", csrf_token=token, **AGENT, is_kept=False)
    assert "This form has expired. Nothing was stored; send it again." in answer.text
    shown = form_values(answer.text)
    assert {name: shown[name] for name in AGENT} == AGENT
    assert physician.post("/agents/new", data=shown).status_code == 303, "sent again it is stored"


@pytest.mark.parametrize(
    "key", ["", "1", "not a key", "x" * 5_000, "urn:uuid:12345678-1234-5678-1234-567812345678", "\x00"]
)
def test_a_form_whose_key_is_damaged_is_refused(physician, key):
    before = copy_tables()
    assert physician.submit("/agents/new", **AGENT, submission=key).status_code == 422
    assert differences(before, copy_tables()) == {}


def test_the_same_form_sent_twice_makes_one_record(physician):
    page = physician.get("/agents/new")
    typed = {**form_values(page.text), **AGENT}
    first, second = (physician.post("/agents/new", data=typed) for _twice in range(2))
    assert first.status_code == second.status_code == 303
    assert first.headers["Location"] == second.headers["Location"]
    assert len(db.session.scalars(sa.select(Agent)).all()) == 1


def test_the_same_form_of_a_participant_sent_twice_makes_one_participant(physician, trial):
    """Where the second would otherwise be refused, because its code is taken, it leads to the first."""
    address = f"/participants/new?trial={trial.id}"
    typed = {**form_values(physician.get(address).text), **PARTICIPANT}
    answers = [physician.post(address, data=typed) for _twice in range(3)]
    assert {(answer.status_code, answer.headers.get("Location")) for answer in answers} == {
        (303, "/participants/1")
    }
    assert len(db.session.scalars(sa.select(Participant)).all()) == 1


def test_a_form_that_was_refused_is_stored_when_it_is_sent_again(physician):
    refused = physician.submit("/agents/new", **{**AGENT, "name": ""})
    answer = physician.post("/agents/new", data={**form_values(refused.text), "name": "nivolumab"})
    assert answer.status_code == 303


def test_another_persons_form_key_leads_nowhere_else(sign_in, physician, trial):
    """The key says where a form led; to who did not send it, it says nothing."""
    typed = {**form_values(physician.get(f"/participants/new?trial={trial.id}").text), **PARTICIPANT}
    assert physician.post("/participants/new", data=typed).status_code == 303
    other = sign_in(Role.PHYSICIAN)
    stolen = other.submit("/agents/new", **AGENT, submission=typed["submission"])
    assert not stolen.headers.get("Location", "").startswith("/participants")


def test_the_same_form_that_comes_twice_at_once_makes_one_record(physician, trial, monkeypatch):
    """The second looks for the first before that is stored, and meets it only when it stores itself."""
    address = f"/participants/new?trial={trial.id}"
    typed = {**form_values(physician.get(address).text), **PARTICIPANT}
    first = physician.post(address, data=typed)
    looked = []
    find = records.earlier_submission
    monkeypatch.setattr(
        records, "earlier_submission", lambda form: looked.append(form) if not looked else find(form)
    )
    second = physician.post(address, data=typed)
    assert looked
    assert (second.status_code, second.headers["Location"]) == (303, first.headers["Location"])
    assert len(db.session.scalars(sa.select(Participant)).all()) == 1


# Unique codes


def test_a_code_is_taken_once_in_its_trial(physician, refused, trial):
    make_participant(trial=trial, code="CCI-0001")
    answer = refused(physician, f"/participants/new?trial={trial.id}", field="code", **PARTICIPANT)
    assert "This is taken already" in answer.text
    other = make_participant(code="CCI-0001")
    assert other.trial_id != trial.id


def test_a_code_stays_taken_after_the_record_is_withdrawn(physician, refused, trial):
    gone = make_participant(trial=trial, code="CCI-0001")
    gone.withdrawn_at = clock.now()
    with because("for the test"):
        db.session.commit()
    answer = refused(physician, f"/participants/new?trial={trial.id}", field="code", **PARTICIPANT)
    assert "perhaps by a withdrawn record" in answer.text


@pytest.mark.parametrize("spelling", ["Caf\u00e9", "Cafe\u0301", "  Cafe\u0301  ", "Caf\u00e9\u00a0"])
def test_composed_and_decomposed_letters_are_equal(physician, refused, spelling):
    make_agent(name="Caf\u00e9")
    refused(physician, "/agents/new", field="name", is_kept=False, **{**AGENT, "name": spelling})


@pytest.mark.parametrize("spelling", ["Cafe\u0301", "cafe", "CAFÉ"])
def test_a_search_folds_case_and_accents(physician, spelling):
    make_agent(name="Caf\u00e9 one")
    assert "Café one" in physician.get("/agents/", query_string={"q": spelling}).text


@pytest.mark.parametrize("text", ["%", "_", "\\", "100%"])
def test_a_search_takes_its_words_literally(physician, text):
    make_agent(name="axitinib")
    make_agent(name=f"found {text}")
    page = physician.get("/agents/", query_string={"q": text}).text
    assert f"found {text}" in page
    assert "axitinib" not in page


# Changing


def test_a_change_keeps_what_was_not_touched(physician, trial):
    participant = make_participant(trial=trial, diagnosis="LUAD", prior_immunotherapy=False, ecog=0)
    before = copy_tables()
    assert (
        physician.submit(f"/participants/{participant.id}/edit", ecog="1", reason="Read again.").status_code
        == 303
    )
    changed = differences(before, copy_tables())["participant", (participant.id,)]
    assert changed.keys() == {"ecog", "version", "updated_at"}


def test_a_save_that_changes_nothing_leaves_no_trace_in_the_trail(physician, trial):
    """Every kind of field gives back exactly what it was given."""
    participant = make_participant(trial=trial, age_at_enrolment=62.123456789, prior_immunotherapy=True)
    outcome = make_reported_outcome(participant=participant, pfs_months=0.1, pfs_event=False)
    regimen = make_regimen(agents=[make_agent(), make_agent()], name="a, b; “c”")
    arm = make_arm(trial=trial, regimen=regimen)
    for record in (participant, outcome, regimen, arm, trial):
        count, address = events(), f"/{record.__tablename__.replace('_', '-')}s/{record.id}/edit"
        assert physician.submit(address).status_code == 303, address
        assert events() == count, address


def test_a_text_on_several_lines_comes_back_as_it_was(physician, trial):
    text = "\n\nfirst\n\n  second\tx\n"
    address = f"/trials/{trial.id}/edit"
    physician.submit(address, synopsis=text)
    stored = db.session.scalar(sa.select(Trial.synopsis))
    assert stored == text.strip()
    count = events()
    physician.submit(address)
    assert events() == count


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_stored_value_is_not_changed_without_a_reason(physician, refused, trial, reason):
    participant = make_participant(trial=trial, ecog=1)
    refused(
        physician,
        f"/participants/{participant.id}/edit",
        field="reason",
        ecog="2",
        reason=reason,
        is_kept=False,
    )


def test_a_record_does_not_change_hands(physician, trial):
    """A participant stays in the trial, whatever the form says."""
    other, participant = make_trial(), make_participant(trial=trial)
    make_user()
    for number in (other.id, trial.id + 1000, "x"):
        physician.submit(f"/participants/{participant.id}/edit", trial=str(number), reason="moved")
    assert db.session.scalar(sa.select(Participant.trial_id)) == trial.id


# Two people at once


@pytest.fixture
def two_forms(physician, sign_in, trial):
    """Two physicians have the same agent's form open; the first one saves. Gives the second's browser and form."""
    agent = make_agent(name="pembrolizumab", target="PD1")
    address = f"/agents/{agent.id}/edit"
    second = sign_in(Role.PHYSICIAN)
    opened = form_values(second.get(address).text)
    assert physician.submit(address, target="PD-1", developer="MSD", reason="Spelling.").status_code == 303
    return second, address, opened


def test_a_stale_save_is_answered_409_with_both_values(two_forms):
    second, address, opened = two_forms
    before = copy_tables()
    answer = second.post(address, data={**opened, "target": "PDCD1", "reason": "HGNC."})
    assert answer.status_code == 409
    assert differences(before, copy_tables()) == {}
    assert "Someone else changed this record" in answer.text
    shown = form_values(answer.text)
    assert (shown["target"], shown["reason"]) == ("PDCD1", "HGNC."), "what was typed is kept"
    stored = re.findall(r"Stored meanwhile</dt><dd>(.*?)</dd>", answer.text)
    assert stored == ["PD-1", "MSD"], "and what is stored stands beside it"
    assert "Changed by Dr User" in answer.text


def test_a_stale_save_that_is_sent_again_overrules(two_forms):
    second, address, opened = two_forms
    answer = second.post(address, data={**opened, "target": "PDCD1", "reason": "HGNC."})
    again = {**form_values(answer.text), "developer": "MSD"}
    assert second.post(address, data=again).status_code == 303
    agent = db.session.scalar(sa.select(Agent))
    assert (agent.target, agent.developer) == ("PDCD1", "MSD")


def test_a_stale_save_of_the_very_same_values_is_no_conflict(two_forms):
    second, address, opened = two_forms
    same = {**opened, "target": "PD-1", "developer": "MSD"}
    assert second.post(address, data=same).status_code == 303


@pytest.mark.parametrize("version", ["", "0", "99", "-1", "x", "1.0", "\x00"])
def test_a_version_that_never_was_is_stale(physician, version):
    agent = make_agent(target="PD-1")
    before = copy_tables()
    answer = physician.submit(f"/agents/{agent.id}/edit", version=version, target="PDCD1", reason="HGNC.")
    assert answer.status_code == 409
    assert differences(before, copy_tables()) == {}


def test_a_stale_save_of_rows_shows_the_rows_that_are_stored(physician, sign_in):
    regimen = make_regimen(agents=[make_agent(name="pembrolizumab"), make_agent(name="lenvatinib")])
    address, second = f"/regimens/{regimen.id}/edit", sign_in(Role.PHYSICIAN)
    opened = form_values(second.get(address).text)
    first = {"components-0-dose": "200", "components-0-unit": "mg"}
    assert physician.submit(address, **first).status_code == 303
    before = copy_tables()
    answer = second.post(address, data={**opened, "components-0-dose": "400", "components-0-unit": "mg"})
    assert answer.status_code == 409
    assert differences(before, copy_tables()) == {}
    (stored,) = re.findall(r"Stored meanwhile</dt><dd>(.*?)</dd>", answer.text)
    assert stored == "pembrolizumab, Backbone, 200 mg; lenvatinib, Added"


def test_a_record_that_was_withdrawn_meanwhile_is_not_changed(physician, sign_in):
    agent = make_agent(target="PD-1")
    address = f"/agents/{agent.id}/edit"
    opened = form_values(physician.get(address).text)
    sign_in(Role.PHYSICIAN).submit(f"/agents/{agent.id}/withdraw", reason="Entered twice.")
    before = copy_tables()
    assert physician.post(address, data={**opened, "target": "x", "reason": "y"}).status_code == 404
    assert differences(before, copy_tables()) == {}


@pytest.mark.parametrize("action", ["edit", "withdraw"])
def test_a_record_that_changes_at_the_very_moment_is_stored_once(app, physician, action):
    """Between the look at the version and the save: only the database sees that."""
    agent = make_agent(target="PD-1")

    def meanwhile(session, _context, _instances):
        session.connection().exec_driver_sql("UPDATE agent SET version = version + 1")

    address = f"/agents/{agent.id}/{action}"
    typed = {**form_values(physician.get(address).text), "reason": "HGNC."}
    sa.event.listen(db.session, "before_flush", meanwhile)
    try:
        answer = physician.post(address, data={**typed, "target": "PDCD1"} if action == "edit" else typed)
    finally:
        sa.event.remove(db.session, "before_flush", meanwhile)
    assert answer.status_code == 409
    db.session.rollback()
    assert (agent.target, agent.withdrawn_at, agent.version) == ("PD-1", None, 1)


# Rows


def component(number, **given):
    return {f"components-{number}-{name}": text for name, text in given.items()}


def test_rows_are_added_and_removed_on_the_page_without_storing(physician):
    agent = make_agent(name="pembrolizumab")
    typed = {
        **form_values(physician.get("/regimens/new").text),
        "name": "both",
        **component(0, agent=agent.id),
    }
    before = copy_tables()
    added = physician.post("/regimens/new", data={**typed, "add": "components"})
    assert added.status_code == 200
    shown = form_values(added.text)
    assert (shown["name"], shown["components-0-agent"], shown["components-1-agent"]) == (
        "both",
        str(agent.id),
        "",
    )
    removed = physician.post("/regimens/new", data={**shown, "remove": "components-0"})
    agents = {name: text for name, text in form_values(removed.text).items() if name.endswith("-agent")}
    assert list(agents.values()) == [""], "the second row is left"
    assert differences(before, copy_tables()) == {}


def test_a_row_in_the_middle_is_removed_and_the_rest_stored_in_order(physician):
    agents = [make_agent(name=name) for name in ("a", "b", "c")]
    regimen = make_regimen(agents=agents)
    address = f"/regimens/{regimen.id}/edit"
    page = physician.post(
        address, data={**form_values(physician.get(address).text), "remove": "components-1"}
    )
    assert physician.post(address, data={**form_values(page.text), "reason": "Dropped."}).status_code == 303
    stored = db.session.get(Regimen, regimen.id).components
    assert [(part.agent.name, part.position) for part in stored] == [("a", 0), ("c", 1)]


@pytest.mark.parametrize(
    "given",
    [
        {"components-999999-role": "added"},
        {f"components-{number}-role": "added" for number in range(200)},
        {"components--1-role": "added"},
        {"components-x-role": "added"},
        {"components-0-id": "x"},
        {"components-0-id": "99999999999999999999"},
        {"remove": "components-77"},
        {"add": "nothing"},
        {"components": "x"},
    ],
    ids=lambda given: next(iter(given)),
)
def test_rows_that_no_page_sends_do_no_harm(physician, given):
    agent = make_agent()
    typed = {**form_values(physician.get("/regimens/new").text), "name": "odd"}
    answer = physician.post(
        "/regimens/new", data={**typed, **component(0, agent=agent.id, role="backbone"), **given}
    )
    assert answer.status_code in (200, 303, 413, 422)
    stored = db.session.scalars(sa.select(Regimen)).all()
    assert [[part.agent_id for part in regimen.components] for regimen in stored] in ([], [[agent.id]])


def test_a_row_that_is_sent_twice_under_one_number_is_stored_as_two(physician):
    """Otherwise the second would silently take the place of the first."""
    regimen = make_regimen(agents=[make_agent(name="a"), make_agent(name="b")])
    one = regimen.components[0].id
    address = f"/regimens/{regimen.id}/edit"
    answer = physician.submit(address, **component(1, id=one), reason="Odd.")
    assert answer.status_code == 303
    assert [part.agent.name for part in db.session.get(Regimen, regimen.id).components] == ["a", "b"]


def test_another_regimens_row_is_not_taken_over(physician):
    mine, other = make_regimen(), make_regimen()
    key, owner = other.components[0].id, other.id
    physician.submit(f"/regimens/{mine.id}/edit", **component(0, id=key), reason="Odd.")
    assert db.session.get(Regimen, owner).components[0].id == key


# Withdrawing


def test_a_withdrawn_record_is_in_no_list_keeps_its_page_and_its_history(physician, trial):
    participant = make_participant(trial=trial, code="CCI-0042")
    address = f"/participants/{participant.id}"
    assert physician.submit(f"{address}/withdraw", reason="Entered twice.").status_code == 303
    assert "CCI-0042 is withdrawn." in physician.get("/account").text
    assert "CCI-0042" not in physician.get("/participants/").text
    assert "CCI-0042" not in physician.get("/search?q=0042").text.partition("<main")[2]
    assert "It is in no list and no report" in physician.get(address).text
    assert "Entered twice." in physician.get(f"{address}/history").text
    assert physician.get(f"{address}/edit").status_code == 404


def test_a_page_shows_nothing_withdrawn_beside_its_record(physician, trial):
    regimen = make_regimen(name="kept")
    arm = make_arm(trial=trial, code="GONE-ARM", regimen=regimen)
    outcome = make_reported_outcome(participant=make_participant(trial=trial), source="gone register")
    member = db.session.scalar(sa.select(TrialMember))
    other = make_trial_member(trial=trial, user=make_user(display_name="Gone Person"))
    with because("for the test"):
        for record in (arm, outcome, other):
            record.withdrawn_at = clock.now()
        db.session.commit()
    assert member.withdrawn_at is None
    for address in (
        f"/trials/{trial.id}",
        f"/regimens/{regimen.id}",
        f"/participants/{outcome.participant_id}",
    ):
        main = physician.get(address).text.partition("<main")[2]
        assert not re.search("GONE-ARM|gone register|Gone Person", main), address


@pytest.mark.parametrize("reason", ["", "  ", "x" * 1001, "nul\x00"])
def test_a_record_is_not_withdrawn_without_a_proper_reason(physician, refused, reason):
    agent = make_agent()
    refused(physician, f"/agents/{agent.id}/withdraw", field="reason", reason=reason, is_kept=len(reason) > 3)


def test_a_withdrawal_sent_twice_is_one(physician):
    agent = make_agent()
    address = f"/agents/{agent.id}/withdraw"
    typed = {**form_values(physician.get(address).text), "reason": "Entered twice."}
    first = physician.post(address, data=typed)
    count = events()
    second = physician.post(address, data=typed)
    assert first.headers["Location"] == second.headers["Location"] == f"/agents/{agent.id}"
    assert events() == count


def test_a_record_that_changed_meanwhile_is_looked_at_again_before_it_is_withdrawn(physician, sign_in):
    agent = make_agent()
    address = f"/agents/{agent.id}/withdraw"
    typed = form_values(physician.get(address).text)
    sign_in(Role.PHYSICIAN).submit(f"/agents/{agent.id}/edit", target="PD-1")
    answer = physician.post(address, data={**typed, "reason": "Entered twice."})
    assert answer.status_code == 409
    assert form_values(answer.text)["reason"] == "Entered twice."
    assert physician.post(address, data=form_values(answer.text)).status_code == 303


def test_a_record_that_others_use_is_not_withdrawn(physician, trial):
    agent = make_agent()
    regimen = make_regimen(agents=[agent])
    make_arm(trial=trial, regimen=regimen)
    for address in (f"/agents/{agent.id}/withdraw", f"/regimens/{regimen.id}/withdraw"):
        page = physician.get(address)
        assert "It cannot be withdrawn while other records use it." in page.text
        typed = {**form_values(physician.get(f"/agents/{agent.id}/edit").text), "reason": "Away."}
        assert physician.post(address, data=typed).status_code in (409, 422)
    assert {row["withdrawn_at"] for row in copy_tables()["agent"].values()} == {None}


# Lists


@pytest.mark.parametrize(
    "query",
    [
        "sort=code;DROP TABLE trial",
        "sort=password_hash",
        "sort=__class__",
        "sort=--code",
        "sort=-",
        "sort=trial.code",
        "page=-1",
        "page=0",
        "page=x",
        "page=1e3",
        "page=99999999999999999999",
        "q=%00",
        "q=" + "x" * 201,
        "status=nonsense",
        "status=RECRUITING&status=nonsense",
        "colour=red",
        "phase=%ff%fe",
    ],
)
def test_a_list_refuses_what_it_does_not_know(physician, log_lines, query):
    before = copy_tables()
    answer = physician.get(f"/trials/?{query}")
    assert answer.status_code == 422
    assert differences(before, copy_tables()) == {}
    assert len(log_lines) == 1


def test_a_list_has_no_page_beyond_its_last(physician):
    assert physician.get("/trials/?page=2").status_code == 404


def test_damaged_text_in_an_address_finds_nothing(physician):
    assert physician.get("/trials/?q=%ff%fe").status_code in (200, 422)


def test_a_filter_that_is_repeated_means_or(app, sign_in):
    trials = [make_trial(code=f"T-{phase}", phase=phase) for phase in ("PHASE1", "PHASE2", "PHASE3")]
    page = sign_in(Role.PHYSICIAN, trials).get("/trials/?phase=PHASE1&phase=PHASE3").text
    assert [trial.code for trial in trials if trial.code in page] == ["T-PHASE1", "T-PHASE3"]


def test_a_list_is_sorted_both_ways_with_the_empty_last(physician):
    for name, target in (("one", "B"), ("two", None), ("three", "A")):
        make_agent(name=name, target=target)
    for sort, order in (("target", ["three", "one", "two"]), ("-target", ["one", "three", "two"])):
        page = physician.get(f"/agents/?sort={sort}").text
        assert re.findall(r"<a[^>]* href=\"/agents/\d+\"[^>]*>(\w+)</a>", page) == order


def test_a_long_list_has_pages_and_every_record_is_on_one(physician):
    for _repeat in range(51):
        make_agent()
    first, second = (physician.get(f"/agents/?page={number}").text for number in (1, 2))
    found = [re.findall(r'href="/agents/(\d+)"', page) for page in (first, second)]
    assert [len(one) for one in found] == [50, 1]
    assert len({*found[0], *found[1]}) == 51
    assert "51–51 of 51" in second


def test_submissions_are_kept_with_who_sent_them(physician):
    physician.submit("/agents/new", **AGENT)
    (kept,) = db.session.scalars(sa.select(Submission)).all()
    assert (kept.user_id, kept.address) == (physician.user_id, "/agents/1")


def test_an_arms_code_may_be_that_of_another_trials_arm(physician, trial):
    make_arm(code="A")
    regimen = make_regimen()
    answer = physician.submit(
        f"/arms/new?trial={trial.id}",
        code="A",
        title="A",
        type="experimental",
        regimen=regimen.id,
        status="open",
    )
    assert answer.status_code == 303
    assert len(db.session.scalars(sa.select(Arm)).all()) == 2


def test_a_list_never_breaks_the_code_of_a_participant_over_lines(sign_in):
    event = make_adverse_event()
    page = sign_in(Role.DIRECTOR).get("/adverse-events/").text
    assert re.search(rf'<th scope="row" class="nowrap"><a [^>]*>{event.participant.code}<', page)


def test_a_record_whose_owner_changed_in_the_same_moment_is_kept_on_the_page(trial, physician, monkeypatch):
    """As a participant does with the first dose that somebody else stores; found by fifty who were at it at once."""
    participant = make_participant(trial=trial)

    def changed(*_arguments):
        raise StaleDataError

    monkeypatch.setattr(actions, "settle_queries", changed)
    typed = {"term": "Rash", "grade": "2", "started_on": "2024-02-14"}
    answer = physician.submit(f"/adverse-events/new?participant={participant.id}", **typed)
    assert answer.status_code == 409
    assert "What this belongs to was changed in the same moment" in answer.text
    assert form_values(answer.text)["term"] == "Rash"
