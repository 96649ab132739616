"""Logged verdicts, decided again by another policy."""
