"""What is wrong with the settings of a callback, said before any work."""

from typing import Any

from tf_interp.probe import Probe


def check_settings(probe: Any, every: Any, on_error: Any, max_overhead: Any, on_finding: Any) -> None:
    """Raise if a setting of `InterpCallback` cannot be.

    Raises:
        ValueError: for an unknown `on_error`, or `every` or `max_overhead` out of range.
        TypeError: if `probe` is not a `Probe`, `every` not a whole number, or `on_finding` cannot be called.
    """
    if on_error not in ("warn", "raise", "disable"):
        raise ValueError(f'on_error must be "warn", "raise" or "disable", got {on_error!r}')
    if not isinstance(every, int) or isinstance(every, bool):
        raise TypeError(f"every must be a whole number of epochs, got {every!r}")
    if every < 1:
        raise ValueError(f"every must be a number of epochs of at least 1, got {every!r}")
    if max_overhead is not None and not max_overhead > 0:
        raise ValueError(
            f"max_overhead must be a share above 0 (0.05 is 5 %) or None for no limit, got {max_overhead!r}"
        )
    if not isinstance(probe, Probe):
        raise TypeError(
            f"probe must be a Probe, got {type(probe).__name__}: use Probe.from_arrays, from_folder or from_dataset"
        )
    if on_finding is not None and not callable(on_finding):
        raise TypeError(f"on_finding must be a function of a RunFinding, or None, got {on_finding!r}")
