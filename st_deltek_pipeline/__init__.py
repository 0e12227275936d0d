"""ServiceTitan to Deltek Vantagepoint: field work becomes posted books.

Layers, and an import goes down only (``[tool.importlinter]`` in pyproject.toml):

``orchestration`` (Dagster), ``cli`` and ``sandbox`` stand on ``services``;
``services`` stand on ``servicetitan``, ``vantagepoint``, ``store`` and ``connections``;
those stand on ``transport``; everything stands on ``domain``, which does no I/O.
"""
