"""In which epoch does the alarm ring in the demo, over many seeds: on the tag, and on the mark that means nothing?

    python tests/benchmarks/watch_demo.py [--trainings 20]

Data, network, training, concept test and the smallest effect that counts are those of `tf-interp demo`, without its
other parts. Beside it stands the epoch in which the tag begins to fool the network: more than half of the other digits
are taken for the tagged one. The mark is on half of all training pictures, so a network may use it a little: where the
alarm rings on it, the logit must really move that way on other pictures with the mark. `--any-size` counts any effect.
"""

import argparse
import time

import keras

from tf_interp import open_model
from tf_interp.concepts import ConceptWatch, tcav
from tf_interp.concepts.watching.concept_watch import least_of
from tf_interp.demo import EPOCHS, LAYERS, TARGET, build_network, load_data, make_probe, plant

PICTURES = 60  # of other digits, with and without: what the demo tests with


class Watch(keras.callbacks.Callback):
    """Tests after every epoch, and keeps what rings and how the network behaves."""

    def __init__(self, images, labels, seed, any_size):
        super().__init__()
        self.others, self.target, self.seed = images[labels != TARGET], images[labels == TARGET], seed
        self.probe, self.any_size = make_probe(images, labels), any_size
        self.watch, self.rings, self.fooled, self.most = ConceptWatch(), [], None, 0.0

    def set_model(self, model):
        super().set_model(model)
        self.opened = open_model(model)

    def on_train_begin(self, logs=None):
        self.look(0)

    def on_epoch_end(self, epoch, logs=None):
        self.look(epoch + 1)
        if self.fooled is None and self.behave("tag")[1] > 0.5:
            self.fooled = epoch + 1

    def look(self, epoch):
        own, pool = self.others[:PICTURES], self.others[PICTURES:]
        test = tcav(
            self.opened, {name: plant(own, name) for name in ("tag", "mark")}, pool,
            {str(TARGET): (TARGET, self.target)}, list(LAYERS), paired={"tag": own, "mark": own}, seed=self.seed,
        )  # fmt: skip
        spread = float(self.model.predict_on_batch(self.probe.images)[:, TARGET].std())  # as ConceptTests does
        least = max(0.5 * spread, least_of("logit"))
        marks = [abs(row["displacement"]) / least for row in test.find(concept="mark", contrast="paired")]
        self.most = max(self.most, *marks)
        for ring in self.watch.look(test, epoch / EPOCHS, {str(TARGET): 0.0 if self.any_size else least}):
            if ring.row["contrast"] != "relative":  # of a concept by itself
                self.rings.append((epoch, ring.row, self.behave(ring.row["concept"])[0]))

    def behave(self, name):
        """Return how far the logit moves on pictures that are not tested, in standard errors; and who is fooled."""
        rest = self.others[PICTURES:]
        planted, bare = (self.model.predict_on_batch(images) for images in (plant(rest, name), rest))
        moved = (planted - bare)[:, TARGET]
        return moved.mean() / moved.std() * len(rest) ** 0.5, (planted.argmax(1) == TARGET).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainings", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="seed of the first training")
    parser.add_argument("--any-size", action="store_true", help="ring for any effect that is not negligible")
    options = parser.parse_args()
    tag, marked, unborne, started = [], 0, 0, time.process_time()
    for seed in range(options.first, options.first + options.trainings):
        keras.utils.set_random_seed(seed)
        x, y, x_val, y_val = load_data(seed)
        watch = Watch(x_val, y_val, seed, options.any_size)
        build_network().fit(x, y, batch_size=32, epochs=EPOCHS, verbose=0, callbacks=[watch])
        rang = {}
        for epoch, row, moved in watch.rings:
            rang.setdefault(row["concept"], epoch)
            wrong = row["displacement"] * moved < 0 or abs(moved) < 2
            unborne += wrong and row["concept"] == "mark"
            print(
                f"  seed {seed}, epoch {epoch}: {row['concept']} in {row['layer']} {row['displacement']:+.2f} "
                f"[{row['ci_low']:+.2f}, {row['ci_high']:+.2f}]; with it on other pictures the logit moves by "
                f"{moved:+.1f} standard errors{' (NOT BORNE OUT)' if wrong else ''}",
                flush=True,
            )
        tag.append(rang.get("tag"))
        marked += "mark" in rang
        print(
            f"seed {seed}: rings on the tag in epoch {tag[-1]}, fooled by it from epoch {watch.fooled}; the mark comes "
            f"to {watch.most:.2f} of what counts",
            flush=True,
        )
    print(
        f"{options.trainings} trainings: rings on the tag in {sum(epoch is not None for epoch in tag)}, on the mark in "
        f"{marked}, {unborne} of these rings not borne out; {(time.process_time() - started) / len(tag):.1f} s CPU each"
    )


if __name__ == "__main__":
    main()
