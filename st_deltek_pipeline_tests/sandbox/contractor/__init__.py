"""Tests of the seeded contractor."""
