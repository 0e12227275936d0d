"""A seeded contractor: the same seed, month and volume give the same business, byte for byte.

What the two systems do with its rows (paths, tokens, refusals) is in the sandbox's servers, not here.
"""
