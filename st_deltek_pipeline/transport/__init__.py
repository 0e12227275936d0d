"""HTTP for both clients: sessions, limits, redaction. Knows nothing of either system."""
