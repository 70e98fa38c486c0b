"""A clinical trial and biomarker study tracker for a center of cancer immunotherapy."""

from pathlib import Path

from flask import Flask
from sqlalchemy import orm

from tracker import config, extensions

#: In a checkout the templates and static files lie beside the package, in a wheel inside it.
_PACKAGE = Path(__file__).parent
RESOURCES = _PACKAGE if (_PACKAGE / "templates").is_dir() else _PACKAGE.parent


def create_app(overrides: dict | None = None, home: Path | None = None) -> Flask:
    """The one place where the parts are joined. `home`: the folder of database and secrets."""
    home = Path(home or config.home())
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    app = Flask(
        __name__,
        instance_path=str(home),
        template_folder=RESOURCES / "templates",
        static_folder=RESOURCES / "static",
    )
    config.load(app, overrides)
    url = extensions.database_url(app.config["DATABASE_URL"])
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = extensions.engine_options(url)
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}

    extensions.db.init_app(app)
    extensions.migrate.init_app(app, extensions.db, directory=_PACKAGE / "migrations", render_as_batch=True)
    extensions.babel.init_app(
        app,
        default_translation_directories=str(_PACKAGE / "translations"),
        locale_selector=lambda: pages.chosen_language(),
    )
    extensions.login_manager.init_app(app)
    with app.app_context():
        extensions.prepare_engine(extensions.db.engine, app.config["WAIT_SECONDS"])

    from tracker import audit, views
    from tracker.extensions import serving
    from tracker.views import access, cells, errors, headers, pages

    assert audit  # it listens from here on
    orm.configure_mappers()  # else the first request would wait for it
    serving.init_app(app)
    errors.init_app(app)
    pages.init_app(app)
    cells.init_app(app)
    views.register(app)
    access.init_app(app)
    headers.init_app(app)
    return app
