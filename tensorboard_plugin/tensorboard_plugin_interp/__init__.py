"""TensorBoard tab "Interpretability": reads the records of tf-interp and shows them.

Imports neither TensorFlow nor tf_interp.
"""
