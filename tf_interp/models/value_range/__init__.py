"""Which values a network takes: measured, and by name."""
