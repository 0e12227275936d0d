"""The ServiceTitan twin: its V2 API as servicetitan.md describes it, over real HTTP.

What was assumed rather than documented is a switch (``switches``). The rows come from the seeded contractor.
"""
