"""Keeps the run: joins the records to rows, has them judged, and takes the evidence at the first NOK."""
