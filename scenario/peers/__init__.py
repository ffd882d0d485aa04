"""What the scenario talks to, a room for each: only here is known what a peer says on the wire."""
