"""What every request needs and no domain owns."""
