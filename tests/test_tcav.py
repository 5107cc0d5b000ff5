"""Concept tests on networks whose answers are known by hand."""

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from concept_networks import FAST, HEAD, find, make_curved, make_linear, noise, tinted

from tf_interp.concepts import FLAGS, Concept, tcav
from tf_interp.models import KerasModel, open_model


def test_displacement_is_the_logit_difference_of_a_linear_network():
    model = make_linear(HEAD)
    red, pool, target = tinted(noise(30, 1), 0), noise(70, 2), noise(20, 3)
    result = tcav(model, {"red": red}, pool, {"0": target, "1": target}, "features", **FAST)
    delta = red.mean((0, 1, 2)) - pool.mean((0, 1, 2))
    for index in (0, 1):
        weights = np.array(HEAD)[:, index]
        row = find(result, target=str(index))
        assert row["displacement"] == pytest.approx(delta @ weights, rel=1e-4)
        assert row["effect"] == pytest.approx(
            delta @ weights / np.linalg.norm(delta) / np.linalg.norm(weights), rel=1e-4
        )
        assert row["score"] == float(delta @ weights > 0)
        assert "GRAD_CONSTANT" in row["flags"]
        assert row["ci_low"] < row["displacement"] < row["ci_high"]
        assert row["null_low"] < 0 < row["null_high"]
        assert row["effect_low"] <= row["effect"] <= row["effect_high"]
    assert find(result, target="0")["p"] == 1 / 200
    assert result.family == 2
    np.testing.assert_allclose(result.vectors["features", "red", "random"], delta / np.linalg.norm(delta), atol=1e-5)


def test_two_roads_conv_and_pooled_layer_agree():
    model = make_linear(HEAD)
    result = tcav(
        model, {"red": tinted(noise(20, 1), 0)}, noise(60, 2), {"0": noise(9, 3)}, ["features", "pool"], **FAST
    )
    first, second = find(result, layer="features"), find(result, layer="pool")
    for key in ("displacement", "effect", "ci_low", "ci_high", "null_low", "specificity", "cav_auc", "p"):
        assert first[key] == pytest.approx(second[key], rel=1e-4, abs=1e-6), key


def test_swapping_concept_and_contrast_turns_the_vector_and_the_score():
    model = make_curved(units=8)
    first, second, target = noise(30, 1, 6), noise(30, 2, 6), noise(25, 3, 6, 0, 1)
    there = tcav(model, {"a": first}, second, {"1": target}, ["early", "late"], **FAST)
    back = tcav(model, {"a": second}, first, {"1": target}, ["early", "late"], **FAST)
    seen = []
    for one, other in zip(there.rows, back.rows, strict=True):
        assert other["score"] == pytest.approx(1 - one["score"])
        assert other["effect"] == pytest.approx(-one["effect"], abs=1e-5)
        assert other["displacement"] == pytest.approx(-one["displacement"], rel=1e-4, abs=1e-6)
        seen.append(one["score"])
    assert any(0 < score < 1 for score in seen)  # the network bends, so this is not the trivial case


def test_relative_contrast_is_against_the_union_of_the_siblings():
    model = make_linear(HEAD)
    sets = {"red": tinted(noise(20, 1), 0), "green": tinted(noise(20, 2), 1), "blue": tinted(noise(30, 4), 2)}
    result = tcav(model, sets, noise(60, 5), {"0": noise(9, 3)}, "features", **FAST)
    assert result.family == len(result.rows) == 6
    others = np.concatenate([sets["green"], sets["blue"]])
    delta = sets["red"].mean((0, 1, 2)) - others.mean((0, 1, 2))
    row = find(result, concept="red", contrast="relative")
    assert row["displacement"] == pytest.approx(delta @ np.array(HEAD)[:, 0], rel=1e-4)
    assert row["n_contrast"] == 50


def test_paired_contrast_is_the_mean_difference_and_far_more_powerful():
    model = make_linear(HEAD)
    base = noise(12, 1, low=0.0, high=0.9)
    base *= (
        np.random.default_rng(0).uniform(0.1, 1, (12, 1, 1, 1)).astype(np.float32)
    )  # pictures differ far more than the mark
    marked = tinted(base, 0, 0.01)
    pool = noise(60, 2, low=0.0, high=0.9) * np.random.default_rng(1).uniform(0.1, 1, (60, 1, 1, 1)).astype(np.float32)
    result = tcav(
        model, {"mark": marked}, pool, {"0": noise(9, 3)}, "features", paired={"mark": base}, permutations=999
    )
    row = find(result, contrast="paired")
    assert row["displacement"] == pytest.approx(0.01 * 2.0, rel=1e-3)
    assert row["p"] <= 2 / 1000
    assert find(result, contrast="random")["p"] > 0.05
    assert row["n_contrast"] == row["n_concept"] == 12
    alone = tcav(model, {"mark": marked}, None, {"0": noise(9, 3)}, "features", paired={"mark": base}, permutations=999)
    assert [item["contrast"] for item in alone.rows] == ["paired"]
    assert alone.rows[0]["specificity"] is None
    assert "SMALL_POOL" in alone.rows[0]["flags"]
    assert alone.rows[0]["p"] == row["p"]


def test_pairs_tell_where_the_mean_over_positions_misleads():
    network = keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            keras.layers.Conv2D(3, 1, use_bias=False, name="features"),
            keras.layers.Flatten(),
            keras.layers.Dense(1, use_bias=False, name="logits"),
        ]
    )
    weights = np.full((4, 4, 3), -1.0)
    weights[0, 0] = 5.0  # only in this corner does brightness speak for the class
    network.set_weights([np.eye(3)[None, None], weights.reshape(48, 1)])
    base = noise(20, 1)
    corner, everywhere = base.copy(), tinted(base, 0, 0.1)
    corner[:, 0, 0] += 0.1
    sets, paired = {"corner": corner, "everywhere": everywhere}, {"corner": base, "everywhere": base}
    options = {"paired": paired, "relative": "none", **FAST}
    seen = {}
    for pooling in ("mean", "flat"):
        test = tcav(
            KerasModel(network),
            sets,
            noise(60, 2),
            {"0": (sum_up, noise(9, 3))},
            "features",
            pooling=pooling,
            **options,
        )
        for row in test.find(contrast="paired"):
            seen[pooling, row["concept"]] = row["displacement"], "GOES_OTHERWISE" in row["flags"]
        assert not any("GOES_OTHERWISE" in row["flags"] for row in test.find(contrast="random"))
    assert seen["flat", "corner"] == (pytest.approx(1.5, rel=1e-3), False)
    assert seen["mean", "corner"] == (pytest.approx(0.3 * -10 / 16, rel=1e-3), True)
    assert seen["flat", "everywhere"] == (pytest.approx(-1.0, rel=1e-3), False)
    assert not seen["mean", "everywhere"][1]
    first = tcav(
        KerasModel(network),
        {"corner": corner},
        noise(60, 2),
        {"0": (sum_up, noise(9, 3))},
        "features",
        paired={"corner": base},
        **FAST,
    )
    assert "GOES_OTHERWISE" in find(first, contrast="paired")["flags"]


def sum_up(outputs):
    return tf.reduce_sum(outputs, 1)


def test_planted_direction_is_found_and_an_unused_one_is_not():
    head = np.zeros((3, 2))
    head[0, 0] = 1.0  # the first logit looks at red only
    model = make_linear(head)
    sets = {"red": tinted(noise(40, 1), 0, 0.1), "blue": tinted(noise(40, 2), 2, 0.1)}
    result = tcav(model, sets, noise(100, 3), {"0": noise(20, 4)}, "features", permutations=999, bootstraps=100)
    red, blue = (find(result, concept=name, contrast="random") for name in ("red", "blue"))
    assert red["p_holm"] < 0.01
    assert red["effect"] > 0.9
    assert red["specificity"] > 0.95
    assert red["cav_accuracy"] > 0.8
    assert red["stability"] > 0.9
    assert abs(blue["effect"]) < 0.3
    assert blue["p"] > 0.05


def test_a_target_that_ignores_the_layer_is_flagged_and_never_significant():
    model = make_linear(np.array([[0.0, 1.0]] * 3))
    row = tcav(model, {"red": tinted(noise(30, 1), 0)}, noise(60, 2), {"0": noise(9, 3)}, "features", **FAST).rows[0]
    assert (row["score"], row["effect"], row["displacement"], row["p"]) == (0.5, 0.0, 0.0, 1.0)
    assert {"GRAD_ZERO", "TIES"} <= set(row["flags"])
    assert row["zero_gradients"] == 1.0


def test_same_seed_same_numbers_on_any_batch_size():
    model = make_curved()
    args = (model, {"a": tinted(noise(20, 1, 6), 0), "b": noise(23, 2, 6)}, noise(61, 3, 6), {"1": noise(17, 4, 6)})
    one, other = (tcav(*args, ["early", "late"], batch_size=size, **FAST) for size in (7, 64))
    for first, second in zip(one.rows, other.rows, strict=True):
        for key, value in first.items():
            if isinstance(value, float):
                assert second[key] == pytest.approx(value, abs=1e-5), key
            else:
                assert second[key] == value
    again = tcav(*args, ["early", "late"], batch_size=7, **FAST)
    assert again.rows == one.rows
    assert tcav(*args, ["early", "late"], seed=1, **FAST).rows != one.rows


def test_a_second_call_traces_nothing_and_sees_new_weights():
    model = make_curved()
    args = (model, {"a": tinted(noise(20, 1, 6), 0)}, noise(61, 3, 6), {"1": noise(17, 4, 6)}, ["early", "late"])
    before = tcav(*args, **FAST)
    calls, run = [], model.run
    model.run = lambda *a, **k: calls.append(1) or run(*a, **k)
    tcav(*args, **FAST)
    assert calls == []  # run is Python: it is called while tracing only
    late = model.model.get_layer("late")
    late.set_weights([weight * 2 for weight in late.get_weights()])
    after = tcav(*args, **FAST)
    assert calls == []
    assert find(after, layer="early")["displacement"] == pytest.approx(
        2 * find(before, layer="early")["displacement"], rel=1e-4
    )


def test_one_pass_each_for_all_layers_and_each_image_once(monkeypatch):
    model = make_linear(HEAD)
    steps, cached = [], model.cached

    def counting(key, build, **options):
        step = cached(key, build, **options)
        if key[0] not in ("capture", "concepts.sensitivities"):
            return step
        return lambda *args: steps.append((key[0], len(args[0]))) or step(*args)

    monkeypatch.setattr(model, "cached", counting)
    base = noise(30, 1)
    paired = {"red": base, "blue": base}
    sets = {"red": tinted(base, 0), "blue": tinted(base, 2)}
    tcav(model, sets, noise(60, 2), {"0": noise(10, 3), "1": noise(6, 4)}, ["features", "pool"], paired=paired, **FAST)
    seen = [count for name, count in steps if name == "capture"]
    assert seen == [32, 32, 32, 32, 22]  # 30 + 30 + 30 shared counterparts + 60 = 150 images
    assert steps.count(("concepts.sensitivities", 16)) == 1  # both targets, both layers


def test_a_function_as_target():
    model = make_linear(HEAD)

    def margin(outputs):
        return outputs[:, 0] - outputs[:, 1]

    red, pool = tinted(noise(30, 1), 0), noise(70, 2)
    targets = {"margin": (margin, noise(9, 3)), "0": noise(9, 3)}
    result = tcav(model, {"red": red}, pool, targets, "features", **FAST)
    delta = red.mean((0, 1, 2)) - pool.mean((0, 1, 2))
    row = find(result, target="margin")
    assert row["displacement"] == pytest.approx(delta @ (np.array(HEAD)[:, 0] - np.array(HEAD)[:, 1]), rel=1e-4)
    assert row["predicted"] is None
    assert find(result, target="0")["predicted"] is not None


def test_class_names_indices_and_pairs_name_targets():
    model = make_linear(HEAD, class_names=["cat", "dog"])
    target = noise(9, 3)
    args = (model, {"red": tinted(noise(30, 1), 0)}, noise(60, 2))
    by_name, by_index, by_pair = (
        tcav(*args, targets, "features", **FAST).rows[0]
        for targets in ({"dog": target}, {1: target}, {"my dogs": ("dog", target)})
    )
    assert by_name["displacement"] == by_index["displacement"] == by_pair["displacement"]
    assert [row["target"] for row in (by_name, by_index, by_pair)] == ["dog", "dog", "my dogs"]
    with pytest.raises(ValueError, match="did you mean"):
        tcav(*args, {"dgo": target}, "features")


def test_flags_of_small_sets_and_unpredicted_classes():
    model = make_linear([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    row = tcav(model, {"red": tinted(noise(6, 1), 0)}, noise(10, 2), {"1": noise(9, 3)}, "features", **FAST).rows[0]
    assert {"SMALL_N", "SMALL_POOL", "CLASS_NOT_PREDICTED"} <= set(row["flags"])
    assert row["predicted"] == 0.0
    assert set(row["flags"]) <= set(FLAGS)


def test_no_finite_activation_means_no_number():
    model = make_linear(HEAD)
    model.model.get_layer("features").set_weights([np.full((1, 1, 3, 3), np.inf, np.float32)])
    result = tcav(model, {"red": tinted(noise(6, 1), 0)}, noise(10, 2), {"1": noise(9, 3)}, "features", **FAST)
    row = result.rows[0]
    assert row["flags"][0] == "NON_FINITE"
    assert row["p"] is row["p_holm"] is row["effect"] is None
    assert row["n_concept"] == 6


def test_half_precision_networks_give_the_same_answer():
    whole, half = make_curved(), make_curved(dtype="mixed_float16")
    half.model.set_weights(whole.model.get_weights())
    args = ({"a": tinted(noise(20, 1, 6), 0)}, noise(61, 3, 6), {"1": noise(17, 4, 6)}, ["early", "late"])
    for one, other in zip(tcav(whole, *args, **FAST).rows, tcav(half, *args, **FAST).rows, strict=True):
        assert other["effect"] == pytest.approx(one["effect"], abs=0.02)
        assert other["displacement"] == pytest.approx(one["displacement"], abs=0.05 * abs(one["displacement"]) + 1e-4)


def test_groups_make_the_test_honest_about_repeated_sources():
    model = make_linear(HEAD)
    random = np.random.default_rng(0)
    few = random.uniform([0.4, 0.2, 0.2], 0.7, (4, 1, 1, 3)).astype(
        np.float32
    )  # four photographs, twelve crops of each
    crops = np.repeat(few, 12, 0) + random.uniform(-0.02, 0.02, (48, 4, 4, 3)).astype(np.float32)
    photos = random.uniform(0.2, 0.7, (15, 1, 1, 3)).astype(np.float32)
    pool = np.repeat(photos, 8, 0) + random.uniform(-0.02, 0.02, (120, 4, 4, 3)).astype(np.float32)
    args = (model, {"crops": crops}, pool, {"0": noise(9, 3)}, "features")
    groups = {"crops": np.repeat(np.arange(4), 12), "random": 100 + np.repeat(np.arange(15), 8)}
    naive, honest = tcav(*args).rows[0], tcav(*args, groups=groups).rows[0]
    assert naive["displacement"] == pytest.approx(honest["displacement"])
    assert naive["p"] < 0.01 < honest["p"]
    assert honest["ci_high"] - honest["ci_low"] > 1.5 * (naive["ci_high"] - naive["ci_low"])
    carried = tcav(
        model,
        {"crops": Concept.from_arrays(crops, groups["crops"])},
        pool,
        {"0": noise(9, 3)},
        "features",
        groups={"random": groups["random"]},
    ).rows[0]
    assert carried == honest


def test_rows_carry_the_columns_of_the_record():
    result = tcav(
        make_linear(HEAD), {"red": tinted(noise(30, 1), 0)}, noise(60, 2), {"0": noise(9, 3)}, "features", **FAST
    )
    wanted = (
        "layer target concept contrast score effect effect_low effect_high displacement ci_low ci_high null_low "
        "null_high p p_holm p_bh specificity p_specificity cav_accuracy cav_auc n_concept n_contrast n_target flags"
    )
    assert set(wanted.split()) <= set(result.rows[0])
    frame = result.to_dataframe()
    assert list(frame["concept"]) == ["red"]
    assert result.settings["pooling"] == "mean"
    assert result.settings["permutations"] == 199


def test_flat_pooling_sees_positions():
    model = make_linear(HEAD)
    left, right = noise(30, 1), noise(60, 2)
    left[:, :, :2] += 0.2
    left[:, :, 2:] -= 0.2  # the mean over positions is unchanged
    args = (model, {"left": left}, right, {"0": noise(9, 3)}, "features")
    assert tcav(*args, pooling="mean", **FAST).rows[0]["cav_accuracy"] < 0.75
    flat = tcav(*args, pooling="flat", **FAST)
    assert flat.rows[0]["cav_accuracy"] > 0.95
    assert flat.vectors["features", "left", "random"].shape == (48,)


def test_integer_inputs_are_tested_too():
    keras.utils.set_random_seed(0)
    tokens = keras.Input((5,), dtype="int32")
    embedded = keras.layers.Embedding(20, 4, name="embed", trainable=False)(tokens)
    mean = keras.layers.GlobalAveragePooling1D(name="mean")(embedded)
    model = keras.Model(tokens, keras.layers.Dense(2, name="logits", trainable=False)(mean))
    random = np.random.default_rng(0)
    words = random.integers(0, 10, (30, 5)).astype(np.int32)
    pool = random.integers(0, 20, (70, 5)).astype(np.int32)
    target = random.integers(0, 20, (9, 5)).astype(np.int32)
    network = KerasModel(model, preprocess=lambda tokens: tf.cast(tokens, tf.int32))
    result = tcav(network, {"low words": words}, pool, {"0": target}, ["embed", "mean"], **FAST)
    logits = model(words).numpy()[:, 0].mean() - model(pool).numpy()[:, 0].mean()
    for row in result.rows:
        assert row["displacement"] == pytest.approx(logits, abs=1e-5)


def test_the_network_is_left_as_found():
    model = make_curved()
    weights = [weight.copy() for weight in model.model.get_weights()]
    tcav(model, {"a": noise(10, 1, 6)}, noise(20, 2, 6), {"1": noise(7, 4, 6)}, ["early", "late"], **FAST)
    assert all(np.array_equal(a, b) for a, b in zip(weights, model.model.get_weights(), strict=True))
    assert all("call" not in layer.__dict__ for layer in model.model.layers)


def test_errors_say_what_to_do():
    model = make_linear(HEAD)
    red, pool, target = noise(30, 1), noise(60, 2), {"0": noise(9, 3)}
    cases = [
        ({"layers": "featurs"}, "did you mean"),
        ({"layers": []}, "at least one layer"),
        ({"concepts": {}}, "dictionary name -> images"),
        ({"concepts": red}, "dictionary name -> images"),
        ({"targets": {}}, "dictionary name -> images"),
        ({"targets": {"7": noise(9, 3)}}, "outside the 2 logits"),
        ({"random": None}, "no counterparts"),
        ({"cav": "svm2"}, "mean"),
        ({"pooling": "max"}, "pooling must be one of"),
        ({"permutations": 10}, "permutations must be an integer of at least 99"),
        ({"alpha": 5}, "alpha must lie"),
        ({"paired": {"rde": red}}, "did you mean"),
        ({"paired": {"red": red[:10]}}, "30 images without the concept"),
        ({"paired": {"red": red}}, "equal its own images"),
        ({"groups": {"red": [1, 2]}}, "30 examples need as many groups, got 2"),
        ({"concepts": {"red": red * 255}}, "divide by 255"),
        ({"concepts": {"red": noise(30, 1, 5)}}, "the model takes"),
        ({"concepts": {"red": red[:3]}}, "3 of 3 remain"),
        ({"random": red}, "0 of 30 remain"),
        ({"layers": None}, "a list of layer names"),
        ({"seed": -1}, "seed must be an integer of at least 0"),
        ({"seed": None}, "seed must be an integer"),
        ({"family": "3"}, "family must be an integer"),
        ({"alpha": "x"}, "alpha must lie"),
        ({"paired": [red]}, "paired must be a dictionary"),
        ({"groups": [1]}, "groups must be a dictionary"),
        ({"hierarchy": ["red", "blue"]}, "hierarchy must be a dictionary"),
        ({"concepts": {3: red}}, "named by texts other than 'random'"),
        ({"concepts": {"random": red}}, "named by texts other than 'random'"),
        ({"concepts": {"red": "photos/red"}}, r"read a folder with Concept\.from_folder"),
        ({"concepts": {"red": tf.data.Dataset.from_tensor_slices(red)}}, r"Concept\.from_dataset"),
        ({"concepts": {"red": [red[0], red[1][:2]]}}, "differ in shape"),
        ({"random": object()}, "random images must be an array of numbers, got object"),
        ({"targets": {"zebra": noise(9, 3)}}, "no class_names"),
        ({"targets": {"7": ["7", noise(9, 3)]}}, r"class index 7 is outside the 2 logits"),
    ]
    for change, message in cases:
        given = {"concepts": {"red": red}, "random": pool, "targets": target, "layers": "features", **change}
        with pytest.raises((ValueError, TypeError), match=message):
            tcav(model, **given)


def test_mistakes_are_found_before_the_network_runs():
    model = make_linear(HEAD)
    model.run = None
    with pytest.raises(ValueError, match="remain"):
        tcav(model, {"red": noise(3, 1)}, noise(60, 2), {"0": noise(9, 3)}, "features")


def test_duplicates_are_left_out_and_named():
    model = make_linear(HEAD)
    red, pool, target = tinted(noise(30, 1), 0), noise(70, 2), noise(12, 3)
    red[5] = red[4]
    pool[:3] = red[:3]
    pool[10] = target[0]
    target[2] = red[7]
    result = tcav(model, {"red": red}, pool, {"0": target}, "features", **FAST)
    row = result.rows[0]
    assert (row["n_concept"], row["n_contrast"], row["n_target"]) == (29, 66, 12)
    assert "OVERLAP" in row["flags"]
    text = " ".join(result.notes)
    assert "1 of 30 are duplicates" in text
    assert "3 are also images of concept 'red'" in text
    assert "1 are also images of target '0'" in text


def test_compiled_in_tensorflow():
    model = make_linear(HEAD)
    tcav(model, {"red": tinted(noise(6, 1), 0)}, noise(10, 2), {"1": noise(9, 3)}, "features", **FAST)
    functions = [item for key, item in model._functions.items() if key[0] in ("capture", "concepts.sensitivities")]
    assert len(functions) == 2
    assert all(isinstance(item, tf.types.experimental.ConcreteFunction) for item in functions)


def test_a_callable_object_need_not_be_hashable():
    class Score:
        __hash__ = None

        def __call__(self, outputs):
            return 2 * outputs[:, 1]

    model, images = make_linear(HEAD), noise(5, 3)
    given = {"concepts": {"red": tinted(noise(6, 1), 0)}, "random": noise(10, 2), "layers": "features", **FAST}
    found = tcav(model, targets={"twice": (Score(), images)}, **given).rows[0]
    once = tcav(model, targets={"1": images}, **given).rows[0]
    np.testing.assert_allclose(found["displacement"], 2 * once["displacement"], rtol=1e-5)


def test_a_class_that_is_called_by_a_digit():
    model = open_model(make_linear(HEAD).model, class_names={"output": ["1", "0"]})
    assert [model.target(asked).index for asked in ("1", "0", 1)] == [0, 1, 1]
    given = {"concepts": {"red": tinted(noise(6, 1), 0)}, "random": noise(10, 2), "layers": "features", **FAST}
    by_name = tcav(model, targets={"1": noise(9, 3)}, **given).rows[0]
    by_index = tcav(model, targets={0: noise(9, 3)}, **given).rows[0]
    assert by_name["target"] == by_index["target"] == "1"
    assert by_name["displacement"] == by_index["displacement"]


def test_functions_of_ones_own_do_not_pile_up():
    model = make_linear(HEAD)
    red, pool, images = tinted(noise(6, 1), 0), noise(10, 2), noise(5, 3)
    targets = []  # only whether they live on
    for number in range(100):
        target = lambda outputs, number=number: outputs[:, 0] * (1 + number)  # noqa: E731
        targets.append(weakref.ref(target))
        result = tcav(model, {"red": red}, pool, {"mine": (target, images)}, "features", permutations=99, bootstraps=20)
        assert result.rows[0]["displacement"] is not None
    del target, result
    gc.collect()
    assert not any(target() for target in targets)
    assert sum(key[0] == "concepts.sensitivities" for key in model._functions) == 1  # all share one
    assert len(model._functions) < 20


def test_a_saved_model_gives_the_same_numbers(tmp_path):
    live = make_curved(units=8)
    live.model.export(tmp_path / "exported", verbose=False)
    saved = open_model(str(tmp_path / "exported"))
    args = ({"a": tinted(noise(20, 1, 6), 0)}, noise(61, 3, 6), {"1": noise(17, 4, 6)}, ["early", "late"])
    one, other = tcav(live, *args, **FAST), tcav(saved, *args, **FAST)
    for first, second in zip(one.rows, other.rows, strict=True):
        assert second["layer"] == first["layer"]
        for key in ("displacement", "effect", "score", "p", "specificity", "cav_auc", "predicted"):
            assert second[key] == pytest.approx(first[key], abs=1e-5), key


def test_a_table_is_tested_like_pictures():
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(8, activation="tanh", name="hidden"),
            keras.layers.Dense(2, name="logits"),
        ]
    )
    random = np.random.default_rng(0)
    rows = random.normal(size=(300, 6)).astype(np.float32)
    job = np.where(rows[:, 2] > 0.5, "sailor", "other")
    hidden, logits = network.get_layer("hidden"), network.get_layer("logits")
    hidden.set_weights([np.eye(6, 8, dtype=np.float32), np.zeros(8, np.float32)])
    weights = np.zeros((8, 2), np.float32)
    weights[2] = [2.0, -2.0]  # the first logit is about column 2 only
    logits.set_weights([weights, np.zeros(2, np.float32)])
    concepts = {
        "sailor": Concept.from_labels(rows[:150], job[:150], "sailor"),
        "column 4": Concept.from_values(rows[:150], rows[:150, 4]),
    }
    result = tcav(KerasModel(network), concepts, rows[150:250], {"0": rows[250:]}, "hidden", permutations=999)
    sailor, column = result.rows
    assert sailor["p"] == 1 / 1000
    assert sailor["effect"] > 0.8
    assert sailor["specificity"] > 0.95
    assert sailor["displacement"] == pytest.approx(
        2 * (np.tanh(concepts["sailor"].images[:, 2]).mean() - np.tanh(rows[150:250, 2]).mean()), rel=1e-4
    )
    assert abs(column["effect"]) < 0.3
    assert column["cav_correlation"] > 0.5


def test_preprocessing_may_resize():
    def shrink(images):
        return tf.image.resize(images, (4, 4))

    model = make_linear(HEAD, preprocess=shrink)
    red, pool = tinted(noise(20, 1, 8), 0), noise(60, 2, 8)
    row = tcav(model, {"red": red}, pool, {"0": noise(9, 3, 8)}, "features", **FAST).rows[0]
    delta = red.mean((0, 1, 2)) - pool.mean((0, 1, 2))
    assert row["displacement"] == pytest.approx(delta @ np.array(HEAD)[:, 0], rel=1e-3)


def test_several_inputs_are_refused_in_words():
    one, two = keras.Input((4, 4, 3), name="left"), keras.Input((4, 4, 3), name="right")
    joined = keras.layers.Add()([one, two])
    model = keras.Model([one, two], keras.layers.Dense(2, name="logits")(keras.layers.Flatten(name="flat")(joined)))
    with pytest.raises(ValueError, match="one input"):
        tcav(KerasModel(model), {"a": noise(9, 1)}, noise(9, 2), {"0": noise(9, 3)}, "flat")


def test_a_family_over_several_calls():
    args = (make_linear(HEAD), {"red": tinted(noise(30, 1), 0)}, noise(60, 2), {"0": noise(9, 3)}, "features")
    alone, ten = tcav(*args, **FAST), tcav(*args, family=10, **FAST)
    assert ten.rows[0]["p_holm"] == pytest.approx(10 * alone.rows[0]["p_holm"])
    assert (alone.family, ten.family) == (1, 10)
