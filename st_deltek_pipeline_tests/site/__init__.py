"""The close reports over HTTP: who may see them, and what is served."""
