"""The policy language: what a file may say, whether it makes sense, and what it decides."""
