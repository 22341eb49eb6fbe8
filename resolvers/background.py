"""Every module whose functions run in the background: importing this one makes them known."""

from resolvers import account, booking, review, search_rows, skill, worker

__all__ = ["account", "booking", "review", "search_rows", "skill", "worker"]
