"""Deltek Vantagepoint's REST API: reference data, transaction files, the posted ledger."""
