"""What exists: the types, fields and arguments a client can ask for."""
