"""The statistics of a concept test: designs, intervals, corrections, concept vectors. Nothing here knows a network."""
