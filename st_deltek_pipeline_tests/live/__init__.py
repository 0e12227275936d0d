"""The live system as it is run: daemon, code server, receiver, PostgreSQL and the sandbox as processes of their own."""
