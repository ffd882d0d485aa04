"""The verdict: evidence, figures, criteria, causes, and the judges of a run."""
