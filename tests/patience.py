"""How long tests wait."""

PATIENCE = 60
"""Seconds until a test that waits in vain fails: however busy the machine is, what is waited for
has come by then."""
