"""Tests of the integration: several rooms at once."""
