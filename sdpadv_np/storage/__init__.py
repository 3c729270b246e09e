"""Files and folders: formats, atomic writes, checksums, locks, provenance."""
