"""What the tests start and look at things with."""
