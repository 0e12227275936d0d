"""Pages for people, without a browser."""
