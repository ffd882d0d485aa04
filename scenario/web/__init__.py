"""The web UI: who may use it (guard, login), the start form, the tab, the metrics."""
