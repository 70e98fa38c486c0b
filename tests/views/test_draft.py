"""What was typed and not saved comes back: to who typed it, and to nobody else."""

import datetime
import re

import pytest
import sqlalchemy as sa

from tests.conftest import form_values
from tests.factories import (
    make_agent,
    make_arm,
    make_cohort,
    make_draft,
    make_lesion,
    make_participant,
    make_regimen,
    make_trial,
    make_user,
)
from tests.tables import copy_tables, differences
from tracker import clock
from tracker.audit import because
from tracker.extensions import db
from tracker.models import Draft, SignIn, TrialMember, User
from tracker.roles import Role

WHY = "The source was read again."


@pytest.fixture
def participant(app):
    trial = make_trial()
    return make_participant(
        trial=trial, arm=make_arm(trial=trial, regimen=make_regimen(agents=[make_agent()]))
    )


@pytest.fixture
def physician(participant, sign_in):
    return sign_in(Role.PHYSICIAN, [participant.trial])


def keep(browser, address, **typed):
    """What the script of the page does while somebody types."""
    page = browser.get(address).text
    (target,) = re.findall(r'data-draft="([^"]+)"', page)
    return browser.post(target.replace("&amp;", "&"), data={**form_values(page), **typed})


def drafts():
    db.session.rollback()
    return db.session.scalars(sa.select(Draft).order_by(Draft.id)).all()


def expire(browser, **columns):
    """The browser's time is over."""
    sign_in = db.session.scalar(sa.select(SignIn).where(SignIn.user_id == browser.user_id))
    sign_in.last_seen_at = clock.now() - datetime.timedelta(hours=2)
    for name, value in columns.items():
        setattr(sign_in, name, value)
    db.session.commit()


def sign_in_again(browser):
    """The same person, in the same browser."""
    db.session.execute(
        sa.update(SignIn).where(SignIn.user_id == browser.user_id).values(last_seen_at=clock.now())
    )
    db.session.commit()


NEW = [
    ("/agents/new", {"name": "axitinib", "target": "VEGFR"}),
    ("/participants/new?trial={trial}", {"code": "P-77", "ecog": "seven", "prior_immunotherapy": "yes"}),
    (
        "/adverse-events/new?participant={participant}",
        {"term": "Rash", "grade": "2", "narrative": "Since <b>."},
    ),
    (
        "/administrations/new?participant={participant}",
        {"cycle": "3", "doses-0-dose": "190", "doses-0-unit": "g"},
    ),
    (
        "/tumor-assessments/new?participant={participant}",
        {"assessed_on": "t-3", "measurements-{lesion}": "15"},
    ),
    ("/regimens/new", {"name": "R", "components-0-dose": "many", "components-1-dose": "4"}),
    ("/queries/new?record_type=participant&record_id={participant}", {"field": "ecog", "question": "Why?"}),
    ("/participants/{participant}/edit", {"ecog": "2", "died_on": "soon", "reason": WHY}),
]


@pytest.mark.parametrize("address, typed", NEW)
def test_what_was_typed_comes_back_as_it_was(participant, physician, address, typed):
    lesion = make_lesion(participant=participant)
    numbers = {"trial": participant.trial_id, "participant": participant.id, "lesion": lesion.id}
    address, typed = address.format(**numbers), {k.format(**numbers): v for k, v in typed.items()}
    assert keep(physician, address, **typed).status_code == 200
    page = physician.get(address)
    shown = form_values(page.text)
    assert {name: shown.get(name) for name in typed} == typed
    assert "This is what you typed and did not save" in page.text
    assert "is-invalid" not in page.text
    again = physician.get(address)  # and stays, until it is saved or thrown away
    kept = {name: value for name, value in form_values(again.text).items() if name != "csrf_token"}
    assert kept == {name: value for name, value in shown.items() if name != "csrf_token"}


def test_a_draft_is_one_for_each_form_and_goes_when_it_is_saved(physician):
    for name in ("axi", "axitinib"):
        keep(physician, "/agents/new", name=name)
    keep(physician, f"/agents/{make_agent().id}/edit", target="PD-1")
    first, second = drafts()
    assert dict(first.fields)["name"] == "axitinib"
    answer = physician.submit("/agents/new", mechanism_class="anti-angiogenic", modality="small molecule")
    assert answer.status_code == 303
    assert [one.address for one in drafts()] == [second.address]


def test_what_a_slow_script_sends_after_the_form_was_saved_is_not_kept(physician):
    page = form_values(physician.get("/agents/new").text)
    typed = dict(page, name="axitinib", mechanism_class="anti-angiogenic", modality="small molecule")
    assert physician.post("/agents/new", data=typed).status_code == 303
    assert physician.post("/drafts?of=/agents/new", data=typed).status_code == 404
    assert drafts() == []
    make_draft(user_id=physician.user_id, submission=page["submission"])  # which came in between
    assert "did not save" not in physician.get("/agents/new").text


def test_a_draft_is_thrown_away(physician):
    keep(physician, "/agents/new", name="axitinib")
    page = physician.get("/agents/new").text
    (target,) = re.findall(r'action="(/drafts/\d+/discard)"', page)
    token = form_values(page)["csrf_token"]
    answer = physician.post(target, data={"csrf_token": token, "next": "/agents/new"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/agents/new")
    assert drafts() == []
    assert form_values(physician.get("/agents/new").text)["name"] == ""


def test_only_who_typed_it_gets_it(participant, physician, sign_in):
    address = f"/participants/{participant.id}/edit"
    keep(physician, address, diagnosis="CANARY")
    other = sign_in(Role.PHYSICIAN, [participant.trial])
    for one in (address, "/", "/account"):
        assert "CANARY" not in other.get(one).text
    assert "did not save" not in other.get(address).text
    assert "Unfinished" not in other.get("/").text
    token = form_values(other.get(address).text)["csrf_token"]
    assert other.post(f"/drafts/{drafts()[0].id}/discard", data={"csrf_token": token}).status_code == 404


def test_what_one_may_not_see_any_more_is_not_shown(participant, physician):
    address = f"/participants/{participant.id}/edit"
    keep(physician, address, diagnosis="CANARY")
    assert f'href="{address}"' in physician.get("/").text
    db.session.scalar(sa.select(TrialMember)).withdrawn_at = clock.now()
    db.session.commit()
    assert physician.get(address).status_code == 404
    assert f'href="{address}"' not in physician.get("/").text


def test_another_role_has_no_drafts_of_forms_that_are_not_for_it(physician, sign_in):
    keep(physician, "/agents/new", name="axitinib")
    browser = sign_in(Role.MONITOR)
    token = form_values(physician.get("/agents/new").text)
    assert browser.post("/drafts?of=/agents/new", data=token).status_code in (400, 404)
    make_draft(user_id=browser.user_id)
    assert "Unfinished" not in browser.get("/").text


def test_a_record_that_went_meanwhile_is_left_out_of_the_draft(participant, physician):
    cohort = make_cohort(trial=participant.trial)
    address = f"/participants/new?trial={participant.trial_id}"
    keep(physician, address, code="P-77", cohort=str(cohort.id))
    cohort.withdrawn_at = clock.now()
    with because(WHY):
        db.session.commit()
    shown = form_values(physician.get(address).text)
    assert (shown["code"], shown["cohort"]) == ("P-77", "")


def test_a_draft_of_what_was_changed_since_meets_both_values(participant, physician):
    address = f"/participants/{participant.id}/edit"
    keep(physician, address, ecog="2", reason=WHY)
    with because(WHY):
        participant.ecog = 3
        db.session.commit()
    page = physician.get(address)
    assert "The record was changed since" in page.text
    answer = physician.post(address, data=form_values(page.text))
    assert answer.status_code == 409
    assert form_values(answer.text)["ecog"] == "2"
    assert re.search(r"Stored meanwhile</dt><dd>3<", answer.text)
    assert physician.post(address, data=form_values(answer.text)).status_code == 303
    assert drafts() == []


# A sign-in whose time is over


def test_a_form_that_meets_an_expired_sign_in_is_kept(participant, physician):
    address = f"/adverse-events/new?participant={participant.id}"
    typed = dict(form_values(physician.get(address).text), term="Rash", password="secret", confirmed="1")
    expire(physician)
    answer = physician.post(address, data=typed)
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/sign-in?next=/adverse-events/new?participant%3D" + str(
        participant.id
    )
    assert "What you typed is kept" in physician.get(answer.headers["Location"]).text
    (kept,) = drafts()
    assert kept.user_id == physician.user_id
    assert not {"csrf_token", "password", "confirmed"} & dict(kept.fields).keys()
    sign_in_again(physician)
    assert form_values(physician.get(address).text)["term"] == "Rash"


def test_a_script_that_meets_an_expired_sign_in_is_told(physician):
    typed = dict(form_values(physician.get("/agents/new").text), name="axitinib")
    expire(physician)
    answer = physician.post("/drafts?of=/agents/new", data=typed)
    assert (answer.status_code, "You were signed out" in answer.json["said"]) == (401, True)
    assert dict(drafts()[0].fields)["name"] == "axitinib"


@pytest.mark.parametrize("why", ["revoked", "disabled", "long ago", "no token"])
def test_nothing_is_kept_for_whom_it_may_not_be(physician, why):
    typed = form_values(physician.get("/agents/new").text)
    if why == "no token":
        typed["csrf_token"] = "x"
    expire(physician, **{"revoked": {"revoked_at": clock.now()}}.get(why, {}))
    if why == "long ago":
        expire(physician, last_seen_at=clock.now() - datetime.timedelta(days=30))
    if why == "disabled":
        db.session.get(User, physician.user_id).disabled_at = clock.now()
        db.session.commit()
    before = copy_tables()
    assert physician.post("/agents/new", data=typed).headers["Location"].startswith("/sign-in")
    assert differences(before, copy_tables()) == {}


def test_a_page_that_was_asked_for_is_opened_after_signing_in(physician):
    expire(physician)
    answer = physician.get("/participants/?q=x&page=2")
    assert answer.headers["Location"] == "/sign-in?next=/participants/?q%3Dx%26page%3D2"


# What is not kept


def test_other_forms_are_not_kept(physician):
    typed = form_values(physician.get("/agents/new").text)
    for address in (
        *("/users/new", "/account/password", "/nowhere", "//host/agents/new", "/agents/"),
        "/agents/new?" + "a=1&" * 400,
    ):
        answer = physician.post("/drafts", query_string={"of": address}, data=typed)
        assert answer.status_code == 404, address
    assert drafts() == []


def test_what_is_left_for_too_long_is_thrown_away(app, physician):
    long_ago = clock.now() - datetime.timedelta(days=app.config["DRAFT_DAYS"], minutes=1)
    make_draft(user_id=physician.user_id, kept_at=long_ago)
    make_draft(user_id=make_user().id, kept_at=long_ago)
    assert "did not save" not in physician.get("/agents/new").text
    keep(physician, "/regimens/new", name="R")
    assert [one.address for one in drafts()] == ["/regimens/new"]
