"""Signing in and out, passwords, and the accounts that the administrator keeps."""

import datetime
import re

import pytest
import sqlalchemy as sa

from tests.conftest import form_values
from tests.factories import make_trial, make_user
from tests.tables import copy_tables, differences
from tracker import clock
from tracker.extensions import db
from tracker.models import RefusedSignIn, SignIn, TrialMember, User
from tracker.roles import Role

PASSWORD = "correct horse battery"
ANOTHER = "a sentence is easy to keep"
TRAIL = ("audit_event", "audit_seal", "refused_sign_in")


@pytest.fixture
def person(app):
    user = make_user(name="ada", display_name="Ada")
    user.set_password(PASSWORD)
    db.session.commit()
    return user


def enter(app, name="ada", password=PASSWORD, **fields):
    """A new browser in which somebody tries to sign in, and the answer."""
    browser = app.test_client()
    return browser, browser.submit("/sign-in", name=name, password=password, **fields)


def is_signed_in(browser):
    return browser.get("/account").status_code == 200


# Signing in


def test_one_signs_in_by_name_and_password(app, person):
    browser, answer = enter(app)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert is_signed_in(browser)


@pytest.mark.parametrize("name", ["ADA", " ada ", "Ada"])
def test_case_and_spaces_of_the_name_do_not_matter(app, person, name):
    assert is_signed_in(enter(app, name=name)[0])


def test_a_password_is_kept_only_as_its_argon2_hash(person):
    assert person.password_hash.startswith("$argon2id$")
    assert PASSWORD not in str(copy_tables())


def test_a_wrong_password_and_an_unknown_account_are_told_the_same(app, person):
    disabled = make_user(name="eve", disabled_at=clock.now())
    disabled.set_password(PASSWORD)
    db.session.commit()
    answers = [
        enter(app, name, password)[1].text
        for name, password in (("ada", ANOTHER), ("nobody", PASSWORD), ("eve", PASSWORD), ("eve", ANOTHER))
    ]
    told = {re.sub(r'value="[^"]*"', "", answer) for answer in answers}
    assert len(told) == 1
    assert "Account or password are not right" in told.pop()


def test_an_unknown_account_takes_as_long_as_a_wrong_password(app, person, monkeypatch):
    """What takes long is argon2, so it must run for both."""
    verified = []
    monkeypatch.setattr(
        "tracker.models.account._is_password", lambda stored, given: verified.append(given) and False
    )
    for name in ("ada", "nobody"):
        enter(app, name)
    assert verified == [PASSWORD, PASSWORD]


@pytest.mark.parametrize(
    "name, password",
    [("", PASSWORD), ("ada", ""), ("a" * 41, PASSWORD), ("ada", "x" * 257), ("ada\x00", PASSWORD), ("ada", "\x00"),
     ("' OR 1=1--", "' OR 1=1--"), ("ada", PASSWORD + " "), ("ada", PASSWORD.upper())],
)  # fmt: skip
def test_what_is_not_the_password_does_not_sign_in(app, person, refused, name, password):
    browser = app.test_client()
    answer = refused(browser, "/sign-in", name=name, password=password, is_kept=False, tells=TRAIL)
    assert form_values(answer.text)["password"] == "", "a password is never shown again"
    assert not is_signed_in(browser)


def test_one_is_led_on_to_where_one_was_going(app, person):
    browser = app.test_client()
    asked = browser.get("/trials/?status=RECRUITING")
    assert asked.status_code == 302
    answer = browser.submit(asked.headers["Location"], name="ada", password=PASSWORD)
    assert answer.headers["Location"] == "/trials/?status=RECRUITING"


@pytest.mark.parametrize(
    "address",
    [
        "//evil.example",
        "///evil.example",
        "https://evil.example",
        "https:evil.example",
        "http:///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        "\x01//evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "evil.example",
        "//user@evil.example/",
        "/\\\t/evil.example",
        "//[evil.example",
    ],
)
def test_one_is_never_led_to_another_place(app, person, address):
    _browser, answer = enter(app, next=address)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("address", ["/trials/\r\nSet-Cookie: a=b", "/\x00", "/é", "/%0d%0aSet-Cookie:a=b"])
def test_an_address_to_go_on_to_sets_no_header(app, person, address):
    _browser, answer = enter(app, next=address)
    assert answer.status_code == 303
    assert [value for value in answer.headers.getlist("Set-Cookie") if value.startswith("a=")] == []
    assert not re.search(r"[\r\n\x00]", answer.headers["Location"])


def test_a_sign_in_that_was_planted_before_does_not_become_the_persons(app, person):
    """Somebody who put a cookie of theirs into the browser does not know the one after signing in."""
    planted, _answer = enter(app)
    with planted.session_transaction() as session:
        known = dict(session)
    browser = app.test_client()
    browser.get("/sign-in")
    with browser.session_transaction() as session:
        session.update(known, planted="still here")
    browser.get("/account")
    answer = browser.submit("/sign-in", name="ada", password=PASSWORD)
    assert answer.status_code == 303
    with browser.session_transaction() as session:
        assert "planted" not in session
        assert session["_user_id"] != known["_user_id"]


@pytest.mark.parametrize("browser_name", ["x" * 500, "", "a\x07b", "Mozilla/5.0 (\u00e9)", "<script>"])
def test_whatever_a_browser_calls_itself_it_may_sign_in(app, person, browser_name):
    browser = app.test_client()
    agent = {"User-Agent": browser_name}
    typed = {**form_values(browser.get("/sign-in").text), "name": "ada", "password": PASSWORD}
    assert browser.post("/sign-in", data=typed, headers=agent).status_code == 303
    page = browser.get("/account")
    assert page.status_code == 200
    assert "<script>" not in page.text.partition("<main")[2]
    assert len(db.session.scalar(sa.select(SignIn.browser))) <= 200


def test_it_is_noted_when_a_sign_in_was_last_used_but_not_at_every_request(app, person):
    browser, _answer = enter(app)
    used = db.session.scalar(sa.select(SignIn))
    for ago, is_noted in ((datetime.timedelta(seconds=30), False), (datetime.timedelta(minutes=2), True)):
        before = used.last_seen_at = clock.now() - ago
        db.session.commit()
        assert is_signed_in(browser)
        assert (used.last_seen_at > before) is is_noted


# Signing out


def signed_out(browser):
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get("/account").text)[1]
    return browser.post("/sign-out", data={"csrf_token": token})


def test_a_cookie_is_worthless_after_signing_out(app, person):
    browser, _answer = enter(app)
    with browser.session_transaction() as session:
        kept = dict(session)
    assert signed_out(browser).status_code == 303
    assert not is_signed_in(browser)
    with browser.session_transaction() as session:
        session.update(kept)
    assert not is_signed_in(browser), "the cookie was copied before"


def test_signing_out_needs_the_token(app, person):
    browser, _answer = enter(app)
    assert browser.post("/sign-out").status_code == 400
    assert browser.get("/sign-out").status_code == 405
    assert is_signed_in(browser)


def test_a_sign_in_of_ones_own_is_revoked_from_another_browser(app, person):
    here, there = enter(app)[0], enter(app)[0]
    page = here.get("/account").text
    (number,) = re.findall(r'action="/account/sign-ins/(\d+)/revoke"', page)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]
    assert here.post(f"/account/sign-ins/{number}/revoke", data={"csrf_token": token}).status_code == 303
    assert not is_signed_in(there)
    assert is_signed_in(here)


def test_another_persons_sign_in_is_not_revoked(app, person, sign_in):
    ada, _answer = enter(app)
    mallory = sign_in(Role.MONITOR)
    number = db.session.scalar(sa.select(SignIn.id).where(SignIn.user_id == person.id))
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', mallory.get("/account").text)[1]
    assert mallory.post(f"/account/sign-ins/{number}/revoke", data={"csrf_token": token}).status_code == 404
    assert is_signed_in(ada)


# One's own password


def test_a_new_password_signs_the_other_browsers_out(app, person):
    here, there = enter(app)[0], enter(app)[0]
    answer = here.submit("/account/password", current=PASSWORD, password=ANOTHER, repeated=ANOTHER)
    assert answer.status_code == 303
    assert is_signed_in(here)
    assert not is_signed_in(there)
    assert is_signed_in(enter(app, password=ANOTHER)[0])
    assert not is_signed_in(enter(app, password=PASSWORD)[0])


@pytest.mark.parametrize(
    "field, current, password, repeated",
    [
        ("current", ANOTHER, ANOTHER, ANOTHER),
        ("current", "", ANOTHER, ANOTHER),
        ("password", PASSWORD, "fourteen chars", "fourteen chars"),
        ("password", PASSWORD, "", ""),
        ("password", PASSWORD, "x" * 257, "x" * 257),
        ("repeated", PASSWORD, ANOTHER, ANOTHER + "!"),
        ("repeated", PASSWORD, ANOTHER, ""),
    ],
)
def test_a_password_that_is_not_right_changes_nothing(
    app, person, refused, field, current, password, repeated
):
    browser, _answer = enter(app)
    refused(
        browser,
        "/account/password",
        field=field,
        is_kept=False,
        tells=TRAIL if current == ANOTHER else (),
        current=current,
        password=password,
        repeated=repeated,
    )
    assert is_signed_in(enter(app)[0])


# The first administrator


def test_an_empty_database_leads_to_the_page_of_the_first_administrator_once(app):
    browser = app.test_client()
    for address in ("/", "/trials/", "/sign-in"):
        assert browser.get(address).headers["Location"] == "/setup"
    answer = browser.submit("/setup", name="Root", display_name="The first", password=PASSWORD)
    assert answer.status_code == 303
    user = db.session.scalar(sa.select(User))
    assert (user.name, user.role, user.is_active) == ("root", Role.ADMIN, True)
    assert is_signed_in(browser)
    for visitor in (browser, app.test_client()):
        assert visitor.get("/setup").status_code == 404
        before = copy_tables()
        answer = visitor.post("/setup", data={"name": "me", "display_name": "Me", "password": PASSWORD})
        assert answer.status_code == 404
        assert differences(before, copy_tables()) == {}


@pytest.mark.parametrize(
    "field, value",
    [("name", ""), ("name", "а dmin"), ("password", "short"), ("display_name", ""), ("role", "monitor")],
)
def test_the_first_administrator_is_made_properly_or_not_at_all(app, field, value):
    typed = {"name": "root", "display_name": "The first", "password": PASSWORD, field: value}
    answer = app.test_client().submit("/setup", **typed)
    roles = db.session.scalars(sa.select(User.role)).all()
    if field == "role":
        assert roles == [Role.ADMIN], "the form has no such field"
    else:
        assert answer.status_code == 422
        assert roles == []


# Accounts


@pytest.fixture
def admin(sign_in):
    return sign_in(Role.ADMIN)


def pressed(browser, address):
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get("/account").text)[1]
    return browser.post(address, data={"csrf_token": token})


def test_a_new_account_may_sign_in_and_has_its_role(app, admin):
    answer = admin.submit(
        "/users/new", name="Grace", display_name="Grace H", role="researcher", password=PASSWORD
    )
    assert answer.status_code == 303
    browser, _answer = enter(app, name="grace")
    assert "Researcher" in browser.get("/account").text


@pytest.mark.parametrize("name", ["ada", "ADA"])
def test_an_accounts_name_is_taken_once_in_any_case(admin, refused, person, name):
    refused(
        admin,
        "/users/new",
        field="name",
        is_kept=False,
        name=name,
        display_name="Another",
        role="monitor",
        password=PASSWORD,
    )


def test_a_disabled_account_is_out_at_the_next_request_until_it_is_enabled(app, admin, person):
    browser, _answer = enter(app)
    assert pressed(admin, f"/users/{person.id}/disable").status_code == 303
    assert not is_signed_in(browser)
    assert not is_signed_in(enter(app)[0])
    assert pressed(admin, f"/users/{person.id}/enable").status_code == 303
    assert not is_signed_in(browser), "what was revoked stays so"
    assert is_signed_in(enter(app)[0])


def test_whoever_disables_an_account_it_is_out(app, person):
    """The command does not know in which browsers its owner is signed in."""
    browser, _answer = enter(app)
    person.disabled_at = clock.now()
    db.session.commit()
    assert not is_signed_in(browser)


def test_a_role_counts_from_the_next_request(app, admin, person):
    browser, _answer = enter(app)
    assert browser.get("/participants/").status_code == 200
    admin.submit(f"/users/{person.id}/edit", role="admin")
    assert browser.get("/participants/").status_code == 403


def test_a_lost_password_is_replaced_and_its_browsers_are_signed_out(app, admin, person):
    browser, _answer = enter(app)
    assert admin.submit(f"/users/{person.id}/password", password=ANOTHER).status_code == 303
    assert not is_signed_in(browser)
    assert not is_signed_in(enter(app)[0])
    assert is_signed_in(enter(app, password=ANOTHER)[0])


def test_the_last_administrator_is_neither_disabled_nor_given_another_role(admin, refused):
    address = f"/users/{admin.user_id}"
    answer = refused(admin, f"{address}/edit", field="role", role="physician")
    assert "This is the last administrator" in answer.text
    before = copy_tables()
    assert pressed(admin, f"{address}/disable").status_code == 422
    assert differences(before, copy_tables()) == {}
    second = make_user(role=Role.ADMIN, disabled_at=clock.now())
    assert pressed(admin, f"{address}/disable").status_code == 422, "a disabled one does not count"
    pressed(admin, f"/users/{second.id}/enable")
    assert admin.submit(f"{address}/edit", role="physician").status_code == 303


def test_an_account_is_never_withdrawn(admin, person):
    assert admin.get(f"/users/{person.id}/withdraw").status_code == 404


def test_a_member_who_is_taken_off_a_trial_may_be_put_back(admin, app, person):
    trial = make_trial(code="CCI-012")
    browser, _answer = enter(app)
    address = f"/trials/{trial.id}"
    for _repeat in range(2):
        assert browser.get(address).status_code == 404
        assert admin.submit(f"/trial-members/new?trial={trial.id}", user=str(person.id)).status_code == 303
        assert browser.get(address).status_code == 200
        number = db.session.scalar(sa.select(TrialMember.id))
        assert "reason" in form_values(admin.get(f"/trial-members/{number}/withdraw").text)
        assert admin.submit(f"/trial-members/{number}/withdraw", reason="Left.").status_code == 303
    assert len(copy_tables()["trial_member"]) == 1


def test_who_is_a_member_already_stays_one(admin, person):
    trial = make_trial()
    for _repeat in range(2):
        assert admin.submit(f"/trial-members/new?trial={trial.id}", user=str(person.id)).status_code == 303
    assert [row["withdrawn_at"] for row in copy_tables()["trial_member"].values()] == [None]


# Attempts, time-outs, and the password again


def attempts(app, name, times):
    """The last answer's words."""
    for _again in range(times):
        _browser, answer = enter(app, name=name, password="wrong")
    return answer.text


@pytest.mark.parametrize("name", ["ada", "nobody"])
def test_after_too_many_attempts_a_name_waits_whether_it_exists_or_not(app, person, name):
    app.config["SIGN_IN_ATTEMPTS"] = 3
    assert "Too many attempts" not in attempts(app, name, 3)
    for password in ("wrong", PASSWORD):
        _browser, answer = enter(app, name=name, password=password)
        assert answer.status_code == 422
        assert "Too many attempts under this account name. Wait for 15 minutes" in answer.text
    other, _answer = enter(app, name="ada" if name == "nobody" else "nobody")
    assert is_signed_in(other) == (name == "nobody"), "others do not wait"


def test_who_waited_signs_in_again_and_starts_anew(app, person):
    app.config["SIGN_IN_ATTEMPTS"] = 2
    attempts(app, "ada", 2)
    db.session.execute(sa.update(RefusedSignIn).values(at=clock.now() - datetime.timedelta(minutes=16)))
    db.session.commit()
    browser, _answer = enter(app)
    assert is_signed_in(browser)
    assert copy_tables()["refused_sign_in"] == {}


def test_a_right_password_ends_the_count(app, person):
    app.config["SIGN_IN_ATTEMPTS"] = 2
    for _again in range(3):
        attempts(app, "ada", 1)
        browser, _answer = enter(app)
        assert is_signed_in(browser)


@pytest.mark.parametrize("name, minutes", [("last_seen_at", 61), ("created_at", 12 * 60 + 1)])
def test_a_sign_in_ends_by_itself(app, person, name, minutes):
    browser, _answer = enter(app)
    assert is_signed_in(browser)
    later = clock.now() - datetime.timedelta(minutes=minutes)
    db.session.execute(sa.update(SignIn).values({name: later}))
    db.session.commit()
    assert not is_signed_in(browser)


def _grow_stale():
    db.session.execute(sa.update(SignIn).values(confirmed_at=clock.now() - datetime.timedelta(minutes=16)))
    db.session.commit()


def test_accounts_are_changed_only_with_a_fresh_password(app, person):
    person.role = Role.ADMIN
    db.session.commit()
    other = make_user(name="bea").id
    browser, _answer = enter(app)
    assert browser.get("/users/new").status_code == 200
    token = form_values(browser.get("/users/new").text)["csrf_token"]
    _grow_stale()
    before = copy_tables()
    asked = browser.get(f"/users/{other}/edit")
    assert asked.headers["Location"] == f"/account/confirm?next=/users/{other}/edit"
    refused = browser.post(f"/users/{other}/disable", data={"csrf_token": token})
    assert refused.headers["Location"].startswith("/account/confirm")
    assert differences(before, copy_tables()) == {}
    assert browser.get("/users/").status_code == 200, "reading needs none"
    wrong = browser.submit(asked.headers["Location"], password="wrong")
    assert wrong.status_code == 422
    right = browser.submit(asked.headers["Location"], password=PASSWORD)
    assert right.headers["Location"] == f"/users/{other}/edit"
    assert browser.get(f"/users/{other}/edit").status_code == 200


def test_guessing_the_present_password_on_the_page_of_a_new_one_counts_as_an_attempt(app, person):
    app.config["SIGN_IN_ATTEMPTS"] = 2
    browser, _answer = enter(app)
    for current, said in (
        ("wrong", "not your present"),
        ("wrong", "not your"),
        (PASSWORD, "Too many attempts"),
    ):
        answer = browser.submit("/account/password", current=current, password=ANOTHER, repeated=ANOTHER)
        assert answer.status_code == 422
        assert said in answer.text
    assert person.has_password(PASSWORD)


def test_a_password_is_not_the_persons_name(app, person, refused):
    browser, _answer = enter(app)
    person.display_name = "Augusta Lovelace"
    db.session.commit()
    typed = dict(current=PASSWORD, password="Augusta-Lovelace 1", repeated="Augusta-Lovelace 1")
    answer = refused(browser, "/account/password", field="password", is_kept=False, **typed)
    assert "little more than the name" in answer.text
