"""Everything a person runs. Never deployed."""
