"""The Log Service and the Message Service, asked over their REST APIs."""
