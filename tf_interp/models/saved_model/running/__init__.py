"""What running a graph means: no way for a gradient, draws of chance, and sides that a number of pictures shows."""
