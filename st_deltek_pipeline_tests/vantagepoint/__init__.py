"""Tests of the vantagepoint layer."""
