"""Answered after the delay."""

from listener.behaviours.behaviour import Behaviour


class Slow(Behaviour):
    """A receiver that takes its time, as the original's."""

    path = "/notify"
