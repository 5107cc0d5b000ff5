"""`tf-interp`: the demo, and the same analyses for a finished model, by one command each."""

from tf_interp.cli.main import main as main
from tf_interp.cli.parser import make_parser as make_parser
