"""The webhook receiver: hears from ServiceTitan, checks, keeps what it heard, and only then says so."""
