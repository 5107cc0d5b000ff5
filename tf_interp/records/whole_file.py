"""`replace_file`: a file that is there whole or not at all. The tab writes one too, so it has its home on floor -1."""

from tensorboard_plugin_interp.metadata.replacing import replace_file as replace_file
