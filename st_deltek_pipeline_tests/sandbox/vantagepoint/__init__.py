"""Tests of the Vantagepoint twin over real HTTP."""
