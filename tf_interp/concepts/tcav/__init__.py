"""The test itself: which comparisons are made, the sensitivities they need, and the rows that come out."""
