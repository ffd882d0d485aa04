r"""The scenario: does a context broker still answer with thousands of notification connections held open?

    options -> flow -> users -> records -> recorder (rows, progress) -> verdict
                                       \-> outputs

    preflight   broker, database and inspector answer; no user yet
    reset       what earlier runs left is removed through the broker, then the service's database is dropped
    seed        SubscriptionSeeder users create the subscriptions; the broker confirms their number
    baseline    VersionProbe, ClientProbe, QueueProbe, ConnectionProbe, ListenerProbe: one row per second, at rest
    trigger     UpdateTrigger sends one update: a notification per subscription, each held open by a listener
    observe     the rows go on; IdleClient connects and holds
    cleanup     what the run made in the broker is removed, unless --keep; the verdict
    settle      the verdict is out; Locust collects its last statistics

A ramp goes through reset to observe once per step, cycles through baseline to observe once per cycle; after each the
listeners are told to answer, and the step is judged as a plain run is. The run's verdict is drawn from those.

On the master (or in the only process) live the shape, the recorder and the outputs; the users run wherever Locust puts
them, and their records come to the master as messages.
"""

import locust  # noqa: F401 - patches the sockets, so it has to come before pymongo, requests and rpyc

# The rule of the rooms: each imports only from those to its left. The modules beside them join them; no room imports
# one, but compare/, which reads recordings as replay.py does.
ROOMS = "errors < settings < peers < run < preflight < users < verdict < recording < flow < outputs < web < compare"
