"""What stands for a concept: examples, counterparts, random pools and target images, checked before any work."""
