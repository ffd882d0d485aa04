"""Helpers of the tests: they start the parts, and read what the parts say."""
