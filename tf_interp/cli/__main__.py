"""`python -m tf_interp.cli` is `tf-interp`."""

import sys

from tf_interp.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
