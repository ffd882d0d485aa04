"""What the rows come to: what was held, the figures, the symptoms, the causes, and who judges."""
