"""What is measured, one module a benchmark; each compares with something else in the same run."""
