"""What the moderation stand-in looks with: small open models, or a script of verdicts."""
