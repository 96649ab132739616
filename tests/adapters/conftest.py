"""The adapters are tested as they are deployed: over SDKs that handler/index.py imported, without what it puts off."""

import handler.index  # noqa: F401  (before a test imports the SDKs itself)
