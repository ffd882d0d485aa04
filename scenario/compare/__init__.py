"""`python -m scenario.compare RUN RUN [RUN ...]`: is a run worse than those before it?

    file (recorded run or JSON) -> figures of the run -> judgement -> table, chart

A run is a recorded one (_run.jsonl, which is judged anew) or a file of --json. Of two runs, B is judged by A: another
version of the broker, for example, under the same load. Of more runs, each is judged by the median of those before it:
the trend.

A run is worse in a figure if it differs to the bad side by more than the tolerance (a share of the figure before) and
by more than the figure's floor (what two runs of the same broker may differ by): "allowed" is the larger of the two.
The figures are those of python -m scenario --figures; a ramp has one, the number of connections held.

A figure that a run has not measured is shown as a dash, named, and not judged.

exit code 0   no run is worse
          1   a run is worse in at least one figure
          2   an option or a file cannot be used
          4   the runs cannot be judged: the first held nothing; or it is not known what each of them held, and none
              is worse in the figures that were measured
"""
