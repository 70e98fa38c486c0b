"""Requests that no page of ours makes: addresses, headers and cookies as attackers and broken programs send them."""

import re

import pytest

from tests.factories import make_trial, make_user
from tests.tables import copy_tables, differences
from tracker.extensions import db
from tracker.roles import Role


@pytest.fixture
def browser(sign_in):
    return sign_in(Role.PHYSICIAN, [make_trial(code="CCI-012")])


def answered(browser, log_lines, address, status, method="GET", **more):
    """The answer to a request that must be refused: a plain page, one line in the log, nothing changed."""
    before = copy_tables()
    log_lines.clear()
    answer = browser.open(address, method=method, **more)
    assert answer.status_code == status
    assert "Traceback" not in answer.text
    assert len(log_lines) == 1
    assert f"status={status}" in log_lines[0]
    assert differences(before, copy_tables()) == {}
    return answer


# Addresses


@pytest.mark.parametrize(
    "address",
    [
        "/nothing",
        "/trials/999999",
        "/trials/0",
        "/trials/-1",
        "/trials/2147483648",
        "/trials/99999999999999999999999",
        "/trials/1.0",
        "/trials/1e0",
        "/trials/x",
        "/trials/1/nothing",
        "/trials/%00",
        "/trials/%ff%fe",
        "/trials/1%00/edit",
        "/users/../trials/1",
        "/terms/nothing",
        "/terms/..%2f..%2fsecret_key",
        "/trials/1;drop",
        "/%2e%2e/%2e%2e/etc/passwd",
    ],
)
def test_an_address_of_nothing_is_not_found(browser, log_lines, address):
    answered(browser, log_lines, address, 404)


@pytest.mark.parametrize(
    "address", ["/static/nothing.css", "/static/../tracker/config.py", "/static/%2e%2e/run"]
)
def test_no_file_outside_the_static_folder_is_served(browser, address):
    assert browser.get(address).status_code == 404


def test_an_address_that_is_too_long_is_refused(browser, log_lines):
    answered(browser, log_lines, "/trials/?q=" + "x" * 8_000, 414)
    answered(browser, log_lines, "/" + "x" * 8_001, 414)


@pytest.mark.parametrize(
    "method, allowed", [("TRACE", None), ("DELETE", None), ("PUT", None), ("PATCH", None), ("BREW", None)]
)
def test_a_kind_of_request_that_an_address_does_not_take_is_refused(browser, log_lines, method, allowed):
    answer = answered(browser, log_lines, "/trials/", 405, method=method)
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_a_button_is_not_pressed_by_an_address(browser, log_lines):
    answered(browser, log_lines, "/sign-out", 405)
    answered(browser, log_lines, "/theme", 405)


@pytest.mark.parametrize("number", ["१", "１", "٣"])
def test_a_records_number_is_written_in_plain_digits(browser, log_lines, number):
    answered(browser, log_lines, f"/trials/{number}", 404)


def test_an_answer_in_json_is_refused_in_json(browser):
    answer = browser.get("/nothing.json")
    assert answer.status_code == 404
    assert answer.json == {"error": "There is nothing at this address, or nothing that you may see."}


# Headers


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8000", "localhost@evil", "", "a b"]
)
def test_a_forged_host_is_refused(browser, host):
    for address in ("/", "/sign-in", "/nothing"):
        answer = browser.get(address, headers={"Host": host})
        assert answer.status_code == 400
        assert host == "" or host not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost:8080"])
def test_our_own_hosts_are_answered(browser, host):
    assert browser.get("/nothing", headers={"Host": host}).status_code in (302, 404)


@pytest.mark.parametrize(
    "name", ["X-Forwarded-Host", "X-Forwarded-For", "Forwarded", "X-Original-URL", "X-HTTP-Method-Override"]
)
def test_what_a_proxy_would_say_is_not_believed(browser, name):
    answer = browser.get("/trials/", headers={name: "evil.example"})
    assert answer.status_code == 200
    assert "evil.example" not in answer.text


@pytest.mark.parametrize(
    "language", ["fr", "fr-FR,fr;q=0.9", "de", "*", "xx;q=nonsense", "x" * 5000, "../../etc"]
)
def test_any_language_may_be_asked_for(browser, language):
    page = browser.get("/trials/", headers={"Accept-Language": language}).text
    assert ('lang="fr"' in page.partition(">")[0] + page[:200]) == language.startswith("fr")


def test_every_answer_has_the_headers_that_protect(app, browser):
    for address in ("/trials/", "/nothing", "/sign-in"):
        headers = browser.get(address).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "same-origin"


# Cookies


def test_the_sign_in_cookie_is_not_for_scripts_nor_for_other_sites(app):
    user = make_user(name="ada")
    user.set_password("correct horse battery")
    db.session.commit()
    answer = app.test_client().submit("/sign-in", name="ada", password="correct horse battery")
    (cookie,) = [one for one in answer.headers.getlist("Set-Cookie") if one.startswith("tracker=")]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.mark.parametrize(
    "tampered",
    [
        lambda cookie: cookie[:-1] + ("A" if cookie[-1] != "A" else "B"),
        lambda cookie: "X" + cookie[1:],
        lambda cookie: cookie.rpartition(".")[0],
        lambda cookie: "",
        lambda cookie: "x" * 4000,
        lambda cookie: "\x7f\xff",
        lambda cookie: '{"_user_id": "1"}',
        lambda cookie: "eyJfdXNlcl9pZCI6IjEifQ.aaaaaa.bbbbbb",
    ],
)
def test_a_cookie_that_was_tampered_with_is_asked_to_sign_in_again(browser, tampered):
    browser.get("/trials/")
    cookie = browser.get_cookie("tracker").value
    browser.set_cookie("tracker", tampered(cookie))
    answer = browser.get("/trials/")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/sign-in")


def test_a_cookie_signed_with_another_key_is_asked_to_sign_in_again(app, browser):
    app.config["SECRET_KEY"] = "another key"
    assert browser.get("/trials/").status_code == 302


@pytest.mark.parametrize(
    "name, value", [("theme", "<script>"), ("theme", "sepia"), ("language", "xx"), ("language", "../fr")]
)
def test_a_choice_in_a_cookie_that_is_none_is_left_out_of_account(browser, name, value):
    browser.set_cookie(name, value)
    page = browser.get("/trials/")
    assert page.status_code == 200
    assert value not in page.text.partition("<body")[0]


def choose(browser, name, value, **more):
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get("/account").text)[1]
    return browser.post(f"/{name}", data={"csrf_token": token, name: value, **more})


def test_theme_and_language_are_chosen_and_kept(browser):
    assert choose(browser, "theme", "dark", next="/trials/?page=1").headers["Location"] == "/trials/?page=1"
    assert choose(browser, "language", "fr").headers["Location"] == "/"
    head = browser.get("/trials/").text.partition("<head")[0]
    assert 'data-bs-theme="dark"' in head
    assert 'lang="fr"' in head


@pytest.mark.parametrize(
    "name, value", [("theme", "sepia"), ("theme", ""), ("language", "xx"), ("language", "EN")]
)
def test_a_choice_that_does_not_exist_is_refused_with_those_that_do(browser, name, value):
    answer = choose(browser, name, value)
    assert answer.status_code == 422
    assert "Choose one of:" in answer.text


@pytest.mark.parametrize(
    "next_address", ["//evil.example", "https://evil.example", "/\\evil.example", "//[evil"]
)
def test_a_choice_leads_to_no_other_place(browser, next_address):
    assert choose(browser, "theme", "dark", next=next_address).headers["Location"] == "/"
