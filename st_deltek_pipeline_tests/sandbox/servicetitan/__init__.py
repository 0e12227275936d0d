"""Tests of the ServiceTitan twin, over real HTTP."""
