"""Entry point of the TensorBoard plugin: small, so that nothing we need can keep TensorBoard from starting."""

import argparse

from tensorboard.plugins import base_plugin

from tensorboard_plugin_interp import metadata

SAMPLES = 256  # steps kept per series; TensorBoard's own default for pictures is 10, which drops the first ones


class InterpLoader(base_plugin.TBLoader):
    """Loads the plugin, and asks TensorBoard to keep more than ten steps of our records."""

    def fix_flags(self, flags: argparse.Namespace) -> None:
        """Keep `SAMPLES` steps per series, unless the user said otherwise with `--samples_per_plugin`.

        Args:
            flags: TensorBoard's parsed flags; changed in place, before any data is read.
        """
        samples = getattr(flags, "samples_per_plugin", None)
        if isinstance(samples, dict):
            samples.setdefault(metadata.PLUGIN_NAME, SAMPLES)

    def load(self, context: base_plugin.TBContext) -> base_plugin.TBPlugin:
        """Return the plugin. An error in here costs TensorBoard this tab only; one at import would cost it all.

        Args:
            context: what TensorBoard gives to plugins.

        Returns:
            The plugin.
        """
        from tensorboard_plugin_interp import freed_memory, plugin

        freed_memory.return_large_blocks()
        return plugin.InterpPlugin(context)
