"""One upload, step by step: claimed, located, judged, decided on, acted on, recorded."""
