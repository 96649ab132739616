"""Stand-ins for OSS, Content Moderation and Function Compute on one machine. Never deployed."""
