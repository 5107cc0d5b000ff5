"""Recipes: standard pictures such as caricatures, facets and style transfer, each a few lines over `render`."""
