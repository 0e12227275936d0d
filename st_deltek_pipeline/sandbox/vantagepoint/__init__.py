"""The Vantagepoint twin: what vantagepoint.md describes, over real HTTP, with every assumption a switch."""
