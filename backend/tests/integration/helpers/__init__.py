"""What the integration tests share. The fixtures that start and end these things are in conftest.py.

    program    `vibe up`, `vibe serve` and every other command: start, stop, kill, restart, run
    processes  free ports, who listens, which processes there are
    waiting    wait_until: a condition with a deadline
    api        one request of the API, and what a client does with its session
    phone      somebody with the app: registers, uploads, plans activities
    openapi    the API's description as data, and a walk through its examples
    cdn        a picture put into the bucket and asked for at the edge
    s3         the store: its keys, signed requests, presigned URLs
    raw_http   bytes over a socket, exactly as they are given
    database   sql(), and the rows that tests look at
    metrics    one number of /metrics
    sweeper    the sweeper's numbers, and waiting for its runs
    faults     a relay that can be cut, a server that never answers, a small disk
    servers    a server that answers with JSON
    smtp       a mail server
    apple      an issuer of identity tokens like Apple's
    images     pictures, made and looked at
    videos     videos, made and looked at
"""
