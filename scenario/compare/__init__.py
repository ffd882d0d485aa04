"""`python -m scenario.compare RUN RUN [RUN ...]`: is a run worse than those before it?

    file (recorded run or JSON) -> figures (what a run comes to) -> judgement -> table, chart

A run is a recorded one (_run.jsonl, which is judged anew) or a file of --json. Two runs are A, and
B, which is judged by A: another version of the broker, say, under the same load. Of more each is judged by the median
of those before it: the trend.

A run is worse in a figure when it is off, to the bad side, by more than the tolerance, a share of the figure before,
and by more than the figure's floor, which is what two runs of the same broker may differ by: "allowed" is the larger of
the two. The figures are those of python -m scenario --figures; of ramps it is how many connections were held.

What a run has not measured is shown as a dash, named, and not judged.

exit code 0   no run is worse
          1   a run is worse in a figure or more
          2   an option or a file cannot be used
          4   the runs cannot tell: the first held nothing, or what they held was not measured in all, and none was
              worse in what was
"""
