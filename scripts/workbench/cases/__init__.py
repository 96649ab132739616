"""The tests beside a policy: read, run, and how much of it they pin down."""
