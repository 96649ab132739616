"""The commands of `warden policy`."""
