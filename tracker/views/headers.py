"""The headers that protect, on every answer: pages, files, refusals, and what the server says before it asks us."""

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask
from werkzeug.datastructures import Headers
from whitenoise import WhiteNoise

_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)

PROTECTING = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

#: What browsers and whatever lies between keep of an answer with data.
NOT_KEPT = {"Cache-Control": "no-store"}

#: Where the tracker is served by https, for a year only that way.
ONLY_HTTPS = {"Strict-Transport-Security": "max-age=31536000"}


def init_app(app):
    """Only what lies in the static folder may be kept by browsers."""
    always = PROTECTING | (ONLY_HTTPS if app.config["SESSION_COOKIE_SECURE"] else {})
    files = WhiteNoise(_with(NOT_KEPT, app.wsgi_app), root=app.static_folder, prefix="static/", max_age=3600)
    app.wsgi_app = _with(always, files)


def _with(more, application):
    """The WSGI application, whose answers have these headers and no others of their names."""

    def answer(environ, start_response):
        def start(status, headers, *error):
            found = Headers(headers)
            found.update(more)
            return start_response(status, found.to_wsgi_list(), *error)

        return application(environ, start)

    return answer


class _Refusing(ErrorTask):
    """What waitress answers by itself: to a damaged request, to one that is too large, where we failed."""

    def execute(self):
        self.response_headers.extend((PROTECTING | NOT_KEPT).items())
        super().execute()


class Channel(HTTPChannel):
    """A connection to waitress."""

    error_task_class = _Refusing
