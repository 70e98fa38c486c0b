"""python -m tracker"""

import os


def main():
    os.umask(0o077)  # the database holds patients' data: nobody else on this machine reads it
    from tracker.cli import cli

    cli(prog_name="tracker")


if __name__ == "__main__":
    main()
