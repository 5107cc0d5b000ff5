"""What people draw again and again, each a few lines over `render`."""
