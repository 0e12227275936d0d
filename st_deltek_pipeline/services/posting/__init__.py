"""The posting protocol: plan, check, enter, post, confirm. Never twice, never lost (docs/posting-protocol.md)."""
