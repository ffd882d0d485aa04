"""The web UI: the start form, the tab, the metrics."""
