"""Development twins of ServiceTitan and Vantagepoint over real HTTP, and a seeded contractor."""
