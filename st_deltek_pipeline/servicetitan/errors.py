"""What ServiceTitan's refusals mean (servicetitan.md section 5), as errors of the project's taxonomy."""

from st_deltek_pipeline.domain.errors import RefusedError


class FeedTokenRefusedError(RefusedError):
    """A feed refused the continuation token: read the feed again from its start."""
