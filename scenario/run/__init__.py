"""The current run: its records, clock, schedule and events, and the link between its processes."""
