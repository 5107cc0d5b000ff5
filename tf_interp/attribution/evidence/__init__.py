"""Is an attribution true? Measured on the user's own network and pictures, beside chance."""
