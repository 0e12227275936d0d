"""The schema's history. Each file in ``versions`` is one step, named ``NNNN_what`` like its revision."""
