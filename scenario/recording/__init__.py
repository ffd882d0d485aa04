"""Collects the run: joins records to rows, has them judged, and saves evidence at the first NOK."""
