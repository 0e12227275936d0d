"""Processes that are killed, frozen and run twice, and a database that is cut off, full or thrown back: nothing is lost, nothing doubled."""
