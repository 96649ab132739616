"""Function Compute, asked with the vendor's SDK."""
