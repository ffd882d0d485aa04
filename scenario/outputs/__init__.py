"""What a run leaves or shows, each in a room of its own: files, log, report, figures for the charts. They only read."""
