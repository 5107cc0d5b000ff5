"""Layer-wise relevance propagation: the method, and the rule of each operation."""
