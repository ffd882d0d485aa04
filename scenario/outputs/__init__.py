"""The outputs: each listens to the rows, phases and the verdict, and writes; none of them changes anything."""
