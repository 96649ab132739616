"""The commands of `scripts/warden`, one module each."""
