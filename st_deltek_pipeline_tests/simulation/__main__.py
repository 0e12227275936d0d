"""``python -m st_deltek_pipeline_tests.simulation``; what it does is in ``command``, which its processes import too."""

import sys

from st_deltek_pipeline_tests.simulation.command import main

if __name__ == "__main__":
    sys.exit(main())
