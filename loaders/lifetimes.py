"""For how many seconds what is public may be out of date, by what it is."""

CATALOGUE = 300
"""What the office has on its lists: divisions, districts, categories and services."""
CARD = 20
"""What people and firms show of themselves, and what others say of them."""
FIGURES = 30
"""What is counted."""
MOMENT = 2
"""What one booking changes: who is free nearby."""
