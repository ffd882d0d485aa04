"""The Locust users: those that load the broker, and those that measure it."""
