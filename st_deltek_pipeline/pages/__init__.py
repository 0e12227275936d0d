"""Pages for people: self-contained HTML from values of ``domain``. No input or output, no Dagster, no web server."""
