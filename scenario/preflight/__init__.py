"""The preflight, before anything is started or dropped: it looks at all parts and fills the table of checks."""
