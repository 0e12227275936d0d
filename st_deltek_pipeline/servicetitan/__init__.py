"""ServiceTitan's V2 REST API, read only but for the optional write-back."""
