"""The package that is deployed: wheels, trimming, the same bytes every time."""
