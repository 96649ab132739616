"""The deployed function, and nothing else."""
