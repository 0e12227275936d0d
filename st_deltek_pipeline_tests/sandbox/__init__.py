"""Tests of the sandbox: both twins and the shell they share."""
