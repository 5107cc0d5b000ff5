"""Ways to divide the activations of a layer into groups, a file each."""
