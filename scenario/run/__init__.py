"""The run under way: its records, its clock and schedule, its events, and the link that joins its processes."""
