"""The second factor: turned on, asked for, used once, recovered from, reset, and told in the trail."""

import concurrent.futures
import datetime
import html
import re

import pyotp
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from tests.conftest import form_values
from tests.factories import make_user
from tests.tables import copy_tables, differences
from tests.views.test_account import ANOTHER, PASSWORD, TRAIL, enter, is_signed_in, pressed
from tracker import actions, cli, clock, create_app, scope
from tracker.extensions import db
from tracker.models import AuditEvent, SecondFactor, SignIn, User
from tracker.models.second_factor import seal, unseal
from tracker.roles import Role

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture
def person(app):
    user = make_user(name="ada", display_name="Ada")
    user.set_password(PASSWORD)
    db.session.commit()
    return user


@pytest.fixture
def recovery_codes(person):
    """Ada has a second factor, whose secret is SECRET."""
    codes = actions.enrol_second_factor(person, SECRET, 0)
    db.session.commit()
    return codes


def code(steps=0, secret=SECRET):
    """What the app shows now, or so many steps later."""
    totp = pyotp.TOTP(secret)
    return totp.generate_otp(totp.timecode(clock.now()) + steps)


def wrong():
    return next(
        one for one in ("000000", "111111", "222222", "333333") if one not in map(code, (-1, 0, 1, 2))
    )


def give(browser, text):
    return browser.submit("/sign-in/code", code=text)


def events(name="second_factor"):
    """What the trail tells of second factors: action and words."""
    db.session.rollback()
    found = db.session.scalars(sa.select(AuditEvent).order_by(AuditEvent.id)).all()
    return [(one.action.value, one.changes[name][1]) for one in found if name in one.changes]


def turn_on(browser):
    """The secret that the page showed, and the answer to its code."""
    page = browser.get("/account/second-factor")
    assert page.status_code == 200
    secret = re.search(r'<code class="secret">([A-Z2-7 ]+)</code>', page.text)[1].replace(" ", "")
    typed = {**form_values(page.text), "code": code(secret=secret)}
    return secret, browser.post("/account/second-factor", data=typed)


# Turning it on


def test_it_is_turned_on_with_the_first_code_of_an_app_and_then_asked_for(app, person):
    here, there = enter(app)[0], enter(app)[0]
    page = here.get("/account/second-factor").text
    assert 'src="data:image/svg+xml' in page
    assert 'autocomplete="one-time-code"' in page
    assert 'inputmode="numeric"' in page
    secret, answer = turn_on(here)
    shown = re.findall(r"<code>([0-9 ]{19})</code>", answer.text)
    assert answer.status_code == 200
    assert len(shown) == 10
    assert is_signed_in(here)
    assert not is_signed_in(there), "other browsers are signed out"
    assert events() == [("change", "turned on")]
    stored = str(copy_tables())
    assert not [text for text in (secret, *shown, *(one.replace(" ", "") for one in shown)) if text in stored]
    browser, asked = enter(app)
    assert asked.headers["Location"] == "/sign-in/code"
    assert not is_signed_in(browser)
    assert give(browser, code(1, secret)).headers["Location"] == "/"
    assert is_signed_in(browser)
    assert events()[-1] == ("sign in", "code of the app")


def test_a_wrong_code_turns_nothing_on_and_the_page_keeps_its_secret(app, person, refused):
    browser, _answer = enter(app)
    answer = refused(browser, "/account/second-factor", field="code", is_kept=False, code="000000")
    kept = form_values(answer.text)["sealed"]
    (number,) = db.session.scalars(sa.select(SignIn.id))
    assert unseal(kept, f"sign-in {number}")
    typed = {**form_values(answer.text), "code": code(secret=unseal(kept, f"sign-in {number}"))}
    assert "Your recovery codes" in browser.post("/account/second-factor", data=typed).text


@pytest.mark.parametrize("sealed", ["", "é", "AAAA" * 30])
def test_a_damaged_page_shows_a_new_secret(app, person, refused, sealed):
    browser, _answer = enter(app)
    refused(browser, "/account/second-factor", field="code", is_kept=False, sealed=sealed, code=code())


def test_a_secret_of_anothers_page_is_not_taken(app, person, refused):
    browser, _answer = enter(app)
    refused(browser, "/account/second-factor", is_kept=False, sealed=seal(SECRET, "sign-in 999"), code=code())


def test_it_is_turned_on_only_after_a_fresh_password(app, person):
    browser, _answer = enter(app)
    old = clock.now() - datetime.timedelta(minutes=16)
    db.session.execute(sa.update(SignIn).values(confirmed_at=old))
    db.session.commit()
    assert browser.get("/account/second-factor").headers["Location"].startswith("/account/confirm")


def test_the_secret_is_worth_nothing_without_the_key_or_for_another_account(app, person, recovery_codes):
    sealed = person.second_factor.sealed
    assert unseal(sealed, f"user {person.id}") == SECRET
    assert unseal(sealed, f"user {person.id + 1}") is None
    app.config["TRAIL_KEY"] = "another"
    browser, _answer = enter(app)
    assert give(browser, code()).status_code == 422
    assert give(browser, recovery_codes[0]).status_code == 422


# Signing in


@pytest.mark.parametrize("steps, is_taken", [(-2, False), (-1, True), (1, True), (3, False)])
def test_the_apps_clock_may_be_a_step_off(app, recovery_codes, monkeypatch, steps, is_taken):
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    browser, _answer = enter(app)
    assert (give(browser, code(steps)).status_code == 303) is is_taken
    assert is_signed_in(browser) is is_taken


def test_a_code_works_once_and_so_do_those_before_it(app, recovery_codes):
    text = code()
    first, second, third = (enter(app)[0] for _repeat in range(3))
    assert give(first, text).status_code == 303
    assert "used already" in give(second, text).text
    assert give(third, code(-1)).status_code == 422
    assert not is_signed_in(second)
    assert ("sign-in refused", "refused") in events()


def test_of_those_who_send_one_code_at_once_one_is_signed_in(app, recovery_codes):
    for text in (code(1), recovery_codes[0]):
        browsers = [enter(app)[0] for _repeat in range(4)]
        typed = [{**form_values(one.get("/sign-in/code").text), "code": text} for one in browsers]
        db.session.rollback()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            sent = pool.map(lambda one, form: one.post("/sign-in/code", data=form), browsers, typed)
            assert sorted(answer.status_code for answer in sent) == [303, 422, 422, 422]
        assert sum(map(is_signed_in, browsers)) == 1


def test_a_recovery_code_works_once_and_is_told(app, recovery_codes):
    text = recovery_codes[3]
    first, second = enter(app)[0], enter(app)[0]
    assert give(first, f"{text[:4]} {text[4:8]}-{text[8:]}").status_code == 303
    assert "You used a recovery code; 9 are left." in first.get("/").text
    assert give(second, text).status_code == 422
    assert ("sign in", "recovery code") in events()


def test_wrong_codes_count_and_the_right_password_does_not_start_the_count_anew(app, recovery_codes):
    app.config["SIGN_IN_ATTEMPTS"] = 3
    for _repeat in range(3):
        browser, _answer = enter(app)
        assert "not right" in give(browser, wrong()).text
    assert "Too many attempts" in give(browser, code()).text
    assert "Too many attempts" in enter(app)[1].text
    assert not is_signed_in(browser)


def test_the_code_must_follow_the_password_in_time_and_in_the_same_browser(app, recovery_codes):
    assert app.test_client().get("/sign-in/code").headers["Location"] == "/sign-in"
    browser, _answer = enter(app)
    typed = {**form_values(browser.get("/sign-in/code").text), "code": code()}
    db.session.execute(sa.update(SignIn).values(created_at=clock.now() - datetime.timedelta(minutes=6)))
    db.session.commit()
    answer = browser.post("/sign-in/code", data=typed)
    assert answer.headers["Location"] == "/sign-in"
    assert not is_signed_in(browser)


def test_before_the_code_the_cookie_opens_nothing_and_a_disabled_account_goes_no_further(
    app, person, recovery_codes
):
    browser, _answer = enter(app)
    with browser.session_transaction() as session:
        session["_user_id"] = session["awaits_code"]
    assert not is_signed_in(browser)
    person.disabled_at = clock.now()
    db.session.commit()
    assert browser.get("/sign-in/code").headers["Location"] == "/sign-in"


def test_one_is_led_on_after_the_code(app, recovery_codes):
    browser, answer = enter(app, next="/trials/?status=RECRUITING")
    page = browser.get(answer.headers["Location"])
    typed = {**form_values(page.text), "code": code()}
    answer = browser.post("/sign-in/code", data=typed)
    assert html.unescape(answer.headers["Location"]) == "/trials/?status=RECRUITING"


@pytest.mark.parametrize("text", ["", "12345", "abcdef", "' OR 1=1", "9" * 41])
def test_what_is_no_code_is_refused_beside_the_field(app, recovery_codes, refused, text):
    browser, _answer = enter(app)
    answer = refused(browser, "/sign-in/code", field="code", is_kept=False, code=text)
    assert form_values(answer.text)["code"] == ""


# Proving it again


@pytest.fixture
def browser(app, recovery_codes):
    browser, _answer = enter(app)
    assert give(browser, code()).status_code == 303
    return browser


def test_whoever_has_a_second_factor_proves_it_again_with_the_password(browser, refused):
    refused(
        browser, "/account/confirm", field="code", is_kept=False, tells=TRAIL, password=PASSWORD, code=wrong()
    )
    refused(
        browser, "/account/confirm", field="password", is_kept=False, tells=TRAIL, password="no", code=code()
    )
    refused(browser, "/account/confirm", field="code", is_kept=False, password=PASSWORD, code="")
    text = code(1)
    assert browser.submit("/account/confirm", password=PASSWORD, code=text).status_code == 303
    assert browser.submit("/account/confirm", password=PASSWORD, code=text).status_code == 422, "used"


def test_a_new_password_needs_a_code_too(browser, person):
    typed = dict(current=PASSWORD, password=ANOTHER, repeated=ANOTHER)
    assert browser.submit("/account/password", **typed, code=wrong()).status_code == 422
    assert browser.submit("/account/password", **typed, code=code(1)).status_code == 303
    assert person.has_password(ANOTHER)


def test_recovery_codes_are_made_anew(app, browser, recovery_codes):
    answer = browser.submit("/account/recovery-codes", password=PASSWORD, code=code(1))
    made = [one.replace(" ", "") for one in re.findall(r"<code>([0-9 ]{19})</code>", answer.text)]
    assert len(made) == 10
    other, _answer = enter(app)
    assert give(other, recovery_codes[0]).status_code == 422
    assert give(other, made[0]).status_code == 303
    assert ("change", "new recovery codes") in events()


def test_it_is_turned_off_with_password_and_code_and_others_are_signed_out(app, browser, recovery_codes):
    other, _answer = enter(app)
    assert give(other, recovery_codes[0]).status_code == 303
    assert browser.submit("/account/second-factor/off", password=PASSWORD, code=wrong()).status_code == 422
    assert browser.submit("/account/second-factor/off", password=PASSWORD, code=code(1)).status_code == 303
    assert copy_tables()["second_factor"] == copy_tables()["recovery_code"] == {}
    assert is_signed_in(browser)
    assert not is_signed_in(other)
    assert is_signed_in(enter(app)[0]), "the password is enough now"
    assert events()[-1] == ("change", "turned off")


# Needed by a role, and reset


def test_who_needs_one_can_do_nothing_else_until_it_is_on(app, person):
    app.config["SECOND_FACTOR_ROLES"] = ["physician"]
    browser, _answer = enter(app)
    for address in ("/", "/trials/", "/account", "/account/password", "/reports/outcomes.json"):
        assert browser.get(address).headers["Location"] == "/account/second-factor"
    page = browser.get("/account/second-factor").text
    assert 'action="/sign-out"' in page
    assert "/participants/" not in page
    turn_on(browser)
    assert browser.get("/trials/").status_code == 200
    assert make_user(role=Role.MONITOR).role not in app.config["SECOND_FACTOR_ROLES"]


@pytest.mark.parametrize("roles", [["administrator"], "admin"])
def test_a_misspelt_role_is_not_believed(tmp_path, roles):
    with pytest.raises(RuntimeError, match="SECOND_FACTOR_ROLES"):
        create_app({"SECOND_FACTOR_ROLES": roles}, home=tmp_path)


def test_an_administrator_resets_anothers(app, person, browser, sign_in):
    admin = sign_in(Role.ADMIN)
    address = f"/users/{person.id}"
    assert "Reset the second factor" in admin.get(address).text
    assert pressed(admin, f"{address}/reset-second-factor").status_code == 303
    assert not is_signed_in(browser)
    assert is_signed_in(enter(app)[0])
    assert events()[-1] == ("change", "reset")
    before = copy_tables()
    assert pressed(admin, f"{address}/reset-second-factor").status_code == 422, "there is none any more"
    assert differences(before, copy_tables()) == {}
    assert "Reset the second factor" not in admin.get(address).text
    assert "Code of the app" in admin.get(f"{address}/history").text


def test_a_command_resets_that_of_a_locked_out_administrator(app, recovery_codes, monkeypatch):
    monkeypatch.setattr(cli, "_opened", lambda: scope.everything("the tests"))
    for name, status in (("ada", 0), ("ada", 1), ("nobody", 1)):
        done = CliRunner().invoke(cli.cli, ["user", "reset-second-factor", name])
        assert done.exit_code == status, done.output
    assert db.session.scalars(sa.select(SecondFactor)).all() == []
    assert events()[-1] == ("change", "reset")


def test_no_code_and_no_secret_is_in_the_trail(app, person, browser, recovery_codes):
    browser.submit("/account/confirm", password=PASSWORD, code=recovery_codes[1])
    assert events()[-1] == ("change", "recovery code")
    trail = str(copy_tables()["audit_event"])
    for text in (SECRET, person.second_factor.sealed, *recovery_codes):
        assert text not in trail
    assert db.session.get(User, person.id).version == 2, "codes are no change of the account"
