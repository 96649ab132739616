"""The function's log: what is exported of it, read back; what is asked of it, and the documents that set it up."""
