"""Tests of the application services."""
