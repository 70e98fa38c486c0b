"""What happens when the tracker is killed, starved or fed nonsense: long scripts. The suite runs short versions.

    PYTHONPATH=. python -m tests.faults.kill --rounds 200
    PYTHONPATH=. python -m tests.faults.outage
    PYTHONPATH=. python -m tests.faults.fuzz --submissions 10000 --payloads 500

With DATABASE_URL=postgresql://… they use a database of their own on that server.
"""
