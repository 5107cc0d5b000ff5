"""The optimization loop of `render`: its settings, compiled steps and result."""
