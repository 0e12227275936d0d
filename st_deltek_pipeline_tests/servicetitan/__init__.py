"""Tests of the servicetitan layer."""
