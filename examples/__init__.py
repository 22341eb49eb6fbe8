"""Servers that others could have written; nothing of ours imports them."""
