"""Before anything is started or dropped: looking around, and the table of checks over what was found."""
