"""Allowed by a person: a bill that may use a vendor's invoice number although another document has it already.

For the revision that was decided about; once that stands in Vantagepoint, its corrections under the same number follow.
"""

from dataclasses import dataclass

from st_deltek_pipeline.domain.documents import DocumentKey
from st_deltek_pipeline.domain.posting_keys import NaturalKey, natural_key
from st_deltek_pipeline.domain.postings import Posting


@dataclass(frozen=True)
class Allowance:
    """A person's decision about one revision.

    Attributes:
        key: What the document may share with others.
        reason: The person's own words.
        by: Who decided it.
        used: The document is in Vantagepoint under this key, or on its way there.
    """

    document: DocumentKey
    revision: int
    revision_hash: str
    key: NaturalKey
    reason: str
    by: str
    used: bool = False

    def permits(self, posting: Posting, *, padded_to: int) -> bool:
        """Say whether a posting may share its natural key.

        Args:
            posting: Of this document.
            padded_to: Width of padded AR invoice numbers.
        """
        if natural_key(posting.heading, padded_to=padded_to) != self.key:
            return False
        return self.used or (posting.revision, posting.revision_hash) == (self.revision, self.revision_hash)
