"""The close reports in a browser: login, pages, CSV. The receiver's process serves them; what they show is ``pages``."""
