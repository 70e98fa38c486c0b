"""What is answered when something is away or breaks."""

import pytest

from tracker import create_app


@pytest.mark.parametrize("address", ["/sign-in", "/trials/", "/"])
def test_a_database_that_is_away_is_answered_503_with_a_plain_page(tmp_path, address):
    app = create_app({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, home=tmp_path)
    browser = app.test_client()
    with browser.session_transaction() as cookie:
        cookie["_user_id"] = "a sign-in that cannot be looked up"
    answer = browser.get(address)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "The database does not answer now." in answer.text


def test_a_fault_of_ours_is_answered_500_without_a_traceback(own_app):
    @own_app.get("/broken")
    def broken():
        raise ZeroDivisionError("a secret of the inside")

    broken.permissions = ()
    own_app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = own_app.test_client().get("/broken")
    assert answer.status_code == 500
    assert "secret of the inside" not in answer.text
    assert "Traceback" not in answer.text
