"""Starts commands of the tracker as processes of their own, quickly: everything is imported once, and then forked.

It is a program: reads one JSON object a line, {"start": [words], "environment": {…}, "log": file} or {"wait": pid},
and answers each with a line: the process, or its exit status (negative: the signal that ended it).
"""

import json
import os
import sys
import tempfile
import traceback

import jinja2


def main():
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    from tracker import cli, create_app

    with tempfile.TemporaryDirectory() as folder:
        app = create_app({"DATABASE_URL": f"sqlite:///{folder}/none.sqlite"}, home=folder)
        if "--compile" in sys.argv:  # worth its time for many servers
            _keep_compiled(app.jinja_env)
    import tracker.exchange.importing
    import tracker.exchange.uploads
    import tracker.jobs  # noqa: F401

    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            _process, status = os.waitpid(asked["wait"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        process = os.fork()
        if process == 0:
            _become(cli.cli, asked)
        print(process, flush=True)


def _keep_compiled(templates):
    """Compile all templates here, so that those who are forked need not."""
    compiled, compile_one = {}, jinja2.Environment.compile

    def kept(environment, source, name=None, filename=None, *rest, **more):
        key = name, filename
        if key not in compiled:
            compiled[key] = compile_one(environment, source, name, filename, *rest, **more)
        return compiled[key]

    jinja2.Environment.compile = kept
    for name in templates.list_templates(extensions=["html"]):
        templates.get_template(name)


def _become(command, asked):
    status = 70
    try:
        log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for descriptor in (1, 2):
            os.dup2(log, descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.update(asked["environment"])
        command.main(asked["start"], prog_name="tracker")
    except SystemExit as left:
        status = left.code
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status if isinstance(status, int) else 0 if status is None else 1)


if __name__ == "__main__":
    main()
