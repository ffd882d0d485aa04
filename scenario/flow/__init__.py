"""The order of a run: its phases, the steps of a ramp and of cycles, and the shape that Locust ticks."""
