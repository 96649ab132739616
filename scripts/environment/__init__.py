"""The environments that commands run in, made from the lock files. Standard library only."""
