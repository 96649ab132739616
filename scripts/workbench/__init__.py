"""What an edit of a policy does, before it is live: checks, explanations, tests, replay. No command line in here."""
