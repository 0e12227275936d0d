"""Tests of the posting protocol against the sandbox over HTTP and a real database."""
