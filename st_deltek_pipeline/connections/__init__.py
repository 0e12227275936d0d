"""Connection files: what they may say, reading them, and errors that name the line."""
