"""The deployment's template: read, and held against what works."""
