"""`python -m scenario.compare A_connections.csv B_connections.csv`: is run B worse than run A?

    rows (a CSV read back) -> figures (what a run comes to) -> judgement (A against B) -> table, chart

A is the run to be measured by, B the one that is judged: another version of the broker, say, under the same load. The
figures are those since the update; growth, and what is above rest, is against the rows before it.

B is worse in a figure when it is off, to the bad side, by more than the tolerance, a share of A's figure, and by more
than the figure's floor, which is what two runs of the same broker may differ by: "allowed" is the larger of the two.
Version NOK has no floor: where A has none, one is too many. Its tolerance is a share of A's share, not points: 10
points would let one request in ten fail.

What one of the runs has not measured is shown as a dash, named, and not judged. Idle clients count as held, for the CSV
does not tell them from notifications; what the listeners held is a figure of its own.

exit code 0   B is not worse than A
          1   B is worse in a figure or more
          2   an option or a file cannot be used
          4   the runs cannot tell: A held nothing, or what they held was not measured in both, and B was not worse in
              what was
"""
