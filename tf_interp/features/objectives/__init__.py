"""Objectives, which a picture makes large: their algebra, rewards and penalties. No module here imports a model."""
