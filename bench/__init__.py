"""Measurements: run by hand, quoted in docs, asserted nowhere."""
