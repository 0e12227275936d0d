"""A simulation of both systems and of our process in one thread, on a virtual clock; see docs/simulation.md."""
