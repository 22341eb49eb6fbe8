"""Reference data, and demo data made from it."""
