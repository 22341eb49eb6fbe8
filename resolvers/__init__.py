"""What happens: plain functions that compute a field or carry out a command."""
