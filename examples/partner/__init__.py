"""The system of a department that keeps a copy of workers, as its engineers could write it."""
