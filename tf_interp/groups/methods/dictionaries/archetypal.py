"""An archetypal dictionary: a sparse one whose atoms are mixtures of what the layer really does."""

import dataclasses
from typing import ClassVar

from tf_interp.groups.methods.dictionaries.sparse import Sparse


@dataclasses.dataclass(frozen=True)
class Archetypal(Sparse):
    """A top-k autoencoder whose atoms are convex combinations of rows of the data, at length 1.

    Rows are coded by matching pursuit.

    Args:
        active: the most groups at one position; None is an eighth of them, at least 2.

    Source:
        Fel et al., Archetypal SAE: adaptive and stable dictionary learning for concept extraction, 2025.
    """

    name: ClassVar[str] = "archetypal"
    inside: ClassVar[bool] = True
