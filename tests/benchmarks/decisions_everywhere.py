"""One decision of each small network and public example of the one-door check: is its graph right, what else is said?

    python tests/benchmarks/decisions_everywhere.py [NAME ...]

Prints for each network how many nodes and edges its graph has, how far the edges of the last layer's groups are from
what `attribute` says of them (two roads to one answer, relative), what part of the edges is contradicted by its proof,
and CPU seconds; or the sentence that says what cannot be done.
"""

import argparse
import fnmatch
import time

import keras
import numpy as np
import tensorflow as tf
from door_applications import APPLICATIONS
from one_door import collect

import tf_interp as ti
from tf_interp.probe import pick_rows


def read_first(output):
    """Return the first number of a map, of each picture."""
    return tf.reshape(output, (tf.shape(output)[0], -1))[:, 0]


def explain(fixture) -> str:
    """Return a line about the decision of one network."""
    model = ti.open_model(fixture.model)
    inputs = fixture.inputs
    if isinstance(inputs, list | tuple):
        inputs = dict(zip(model.input_shape, inputs, strict=True))
    count = min(2, len(next(iter(inputs.values())) if isinstance(inputs, dict) else inputs))
    inputs = pick_rows(inputs, slice(count))
    head = model.head(None)
    target = read_first if head.count is None else None
    paths = [path for path, shape in model.layers.items() if path not in model.outputs and 1 <= len(shape) <= 3]
    paths = [path for path in paths if model.layers[path][-1] and model.layers[path][-1] > 1]
    chosen = [paths[len(paths) // 3], paths[2 * len(paths) // 3]] if len(paths) > 2 else paths
    if target is None and not head.decides:
        target = 0
    wanted = {} if target is None else {"target": target}
    graph = ti.attribution_graph(model, inputs, list(dict.fromkeys(chosen)), k=2, **wanted)
    last = list(graph.groups)[-1]
    asked = target
    if asked is None:
        asked = head.spread(np.asarray(model.run(inputs, [head.path])[head.path])).argmax(-1).tolist()
        asked = asked if head.decides else 0
    other = ti.attribute(model, inputs, asked, along=graph.groups[last], method="gradient_x_input").values
    edges = {edge.source: edge.value for edge in graph.edges if edge.target == graph.outputs[0]}
    mine = np.stack([edges.get(f"{last}: {name}", np.zeros(count)) for name in graph.groups[last].names], -1)
    worst = float(np.abs(mine - other).max() / max(np.abs(other).max(), 1e-9))
    table = graph.to_dataframe()
    wrong = table["contradicted"].mean() if len(table) else 0.0
    return f"{len(graph.nodes):4d} nodes {len(graph.edges):5d} edges  off by {worst:.1e}  contradicted {wrong:.0%}"


def main() -> None:
    """Print a line for each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["*"])
    names = parser.parse_args().names
    for name, make in collect().items():
        if not any(fnmatch.fnmatch(name, pattern) for pattern in names) or name in APPLICATIONS:
            continue
        keras.utils.set_random_seed(0)
        started = time.process_time()
        try:
            line = explain(make())
        except (ValueError, TypeError) as error:
            line = f"{type(error).__name__}: {error}"
        except Exception as error:
            line = f"CRASH {type(error).__name__}: {str(error)[:200]}"
        print(f"{name:26s} {line}  ({time.process_time() - started:.1f} s)", flush=True)


if __name__ == "__main__":
    main()
