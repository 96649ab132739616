"""What is deployed, and how: the package, the template, the rights."""
