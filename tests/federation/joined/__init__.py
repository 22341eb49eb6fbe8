"""Our own schema with partners': who they are, what they know, and what they were asked."""
