"""The headers that protect, on every answer. `Browser` in conftest looks at those of all other tests."""

import http.client
import threading

import pytest
import waitress
from waitress import wasyncore

from tests.conftest import unprotected
from tests.factories import make_trial
from tracker import create_app
from tracker.roles import Role
from tracker.views.headers import Channel


@pytest.mark.parametrize(
    "method, address, status",
    [
        ("GET", "/sign-in", 200),
        ("GET", "/nothing", 404),
        ("GET", "/nothing.json", 404),
        ("GET", "/trials/", 200),
        ("POST", "/trials/", 405),
        ("GET", "/trials/?q=" + "x" * 9_000, 414),
        ("GET", "/static/css/tracker.css", 200),
        ("GET", "/static/nothing.css", 404),
        ("GET", "/reports/outcomes.csv", 200),
        ("GET", "/reports/outcomes.json?by=nonsense", 422),
        ("OPTIONS", "/trials/", 200),
    ],
)
def test_every_answer_has_the_headers_that_protect(sign_in, method, address, status):
    answer = sign_in(Role.PHYSICIAN, [make_trial()]).open(address, method=method, buffered=True)
    assert answer.status_code == status
    assert unprotected(answer) == []


def test_what_is_refused_before_it_is_read_has_them(sign_in):
    browser = sign_in(Role.PHYSICIAN)
    answer = browser.post("/agents/new", data={"name": "x" * 600_000})
    assert answer.status_code == 413
    host = browser.get("/trials/", headers={"Host": "evil.example"})
    assert host.status_code == 400
    assert unprotected(answer) == unprotected(host) == []


def test_a_fault_of_ours_has_them(own_app):
    @own_app.get("/broken")
    def broken():
        raise ZeroDivisionError

    broken.permissions = ()
    own_app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = own_app.test_client().get("/broken")
    assert answer.status_code == 500
    assert unprotected(answer) == []


def test_https_is_asked_for_where_the_cookie_is_for_https_only(tmp_path):
    for is_secure in (True, False):
        app = create_app({"SESSION_COOKIE_SECURE": is_secure}, home=tmp_path)
        answer = app.test_client().get("/static/css/tracker.css", buffered=True)
        assert ("Strict-Transport-Security" in answer.headers) is is_secure


@pytest.fixture
def port(tmp_path):
    """Of an application that breaks, behind the server that the command starts."""

    def broken(environ, start_response):
        raise ZeroDivisionError

    server = waitress.create_server(broken, host="127.0.0.1", port=0, threads=1, ident=None)
    server.channel_class = Channel
    thread = threading.Thread(target=server.run)
    thread.start()
    yield server.effective_port
    server.trigger.pull_trigger(lambda: wasyncore.close_all(server._map, ignore_all=True))
    thread.join(20)
    server.task_dispatcher.shutdown()


@pytest.mark.parametrize(
    "line, headers, status",
    [
        ("/", {}, 500),
        ("/", {"X-Long": "x" * 300_000}, 431),
        ("/", {"Content-Length": "2000000000"}, 413),
        ("/", {"Content-Length": "many"}, 400),
        ("/", {"Transfer-Encoding": "nonsense"}, 501),
    ],
)
def test_what_the_server_answers_by_itself_has_them(port, line, headers, status):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("POST", line)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == status
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Traceback" not in text
