"""The ``st-deltek`` command. One module per command; heavy imports happen inside commands."""
