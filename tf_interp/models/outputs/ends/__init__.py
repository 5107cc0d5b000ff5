"""The operations at the end of a network, as far as it takes to know what it returns."""
