"""How an operation runs: compiled once, then level by level."""
