"""Every argument and every input field, each with the worst of its type in an otherwise valid
call."""
