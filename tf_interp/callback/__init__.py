"""The callback that looks at a model while it trains."""

from tf_interp.callback.interp_callback import InterpCallback as InterpCallback
