"""What the user sets: the options, and the values that each of them takes."""
