"""What the product knows: pure functions on frozen types. No I/O, no Dagster, no pandas."""
