"""The options: what the user sets, and which values each option takes."""
