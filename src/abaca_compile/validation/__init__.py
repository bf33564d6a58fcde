"""From a submission to compilations: everything that can be refused is refused here, before a job exists."""

from abaca_compile.validation.accepting import accepted
from abaca_compile.validation.bounds import Bounds

__all__ = ["Bounds", "accepted"]
