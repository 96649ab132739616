"""What `warden doctor --live` asks the real account, one module a service."""
