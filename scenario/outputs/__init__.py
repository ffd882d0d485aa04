"""The outputs of a run, one module each: files, log, report, figures for the charts. They only read."""
