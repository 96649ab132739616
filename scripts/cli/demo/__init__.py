"""The command `warden demo`."""
