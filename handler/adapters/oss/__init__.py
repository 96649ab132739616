"""OSS through oss2: the ports Store, Tags and Quarantine, and the connection that the ledger shares."""
