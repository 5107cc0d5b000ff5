"""What a group may be called: candidates, evidence, and whether that can be trusted."""
