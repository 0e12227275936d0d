"""The receiver of ServiceTitan's webhooks."""
