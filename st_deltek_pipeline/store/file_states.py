"""The groups of file states as SQL parameters; what they mean is ``domain.journal``'s."""

from st_deltek_pipeline.domain.journal import OCCUPYING_STATES, OPEN_STATES, STANDING_STATES

OPEN = sorted(state.value for state in OPEN_STATES)
STANDING = sorted(state.value for state in STANDING_STATES)
OCCUPYING = sorted(state.value for state in OCCUPYING_STATES)
TAKEN = sorted(state.value for state in OCCUPYING_STATES | STANDING_STATES)
