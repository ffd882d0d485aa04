"""Connections stress test for FIWARE context brokers: the contents page.

    locust --headless --host http://broker:1026 --notify-url http://listener:8090/notify --duration 10m --csv out/run

README.md tells how to start listener and inspector; scenario/__init__.py draws the flow.
"""

from __future__ import annotations

import logging

from locust import events

from scenario.flow.shape import Shape
from scenario.outputs.log import harmless
from scenario.outputs.streams import keep_streams
from scenario.settings.arguments import add_arguments
from scenario.settings.config_file import add_config_file
from scenario.settings.locusts_options import check_locusts_options
from scenario.users.client import ClientProbe
from scenario.users.load import IdleClient, SubscriptionSeeder, UpdateTrigger
from scenario.users.probes import ConnectionProbe, ListenerProbe, QueueProbe, VersionProbe
from scenario.verdict.expectations import add_limit
from scenario.web.metrics_port import add_metrics_port
from scenario.wiring import connect

__all__ = [
    "ClientProbe",
    "ConnectionProbe",
    "IdleClient",
    "ListenerProbe",
    "QueueProbe",
    "Shape",
    "SubscriptionSeeder",
    "UpdateTrigger",
    "VersionProbe",
]

keep_streams()
logging.setLogRecordFactory(harmless)
events.init_command_line_parser.add_listener(add_arguments)
events.init_command_line_parser.add_listener(check_locusts_options)
events.init_command_line_parser.add_listener(add_limit)
events.init_command_line_parser.add_listener(add_config_file)
events.init_command_line_parser.add_listener(add_metrics_port)
events.init.add_listener(connect)
