"""The web UI and the metrics' port. What a client has to pass:

    door     every client: limits of time, size and number; 411, 413, or the connection is closed
    guard    403 for another host name or another website's page; not for metrics beyond loopback
    login    only with --web-login, and not for metrics: one user; 429 for too many at one time

and what it gets: form (START, after all checks), tab (the run, its data and downloads), metrics_port (the last row).
"""
