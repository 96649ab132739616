"""The stand-in for Content Moderation."""
