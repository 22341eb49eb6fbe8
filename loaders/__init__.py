"""What is read together: the only folder that writes reads in SQL."""
