"""Subscribing with what browsers subscribe with."""
