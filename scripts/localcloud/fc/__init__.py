"""The stand-in for Function Compute."""
