"""What a test is given: sources, names, overlaps, skipped files, counterparts; mistakes are refused or told."""

import dataclasses

import keras
import numpy as np
import pytest
from concept_networks import FAST, HEAD, find, make_linear, noise, tinted
from PIL import Image

from tf_interp import concepts
from tf_interp.concepts import Concept, tcav
from tf_interp.directions import Directions
from tf_interp.probe import Probe

RED, POOL, TARGET = tinted(noise(24, 1), 0), noise(64, 2), noise(32, 3)


def run(given=None, pool=POOL, targets=None, model=None, **options):
    given, targets = given or {"red": RED}, targets or {"0": TARGET}
    return tcav(model or make_linear(HEAD), given, pool, targets, "features", **{**FAST, **options})


def label(prefix, count, sources):
    return [f"{prefix} {number % sources}" for number in range(count)]


# --- images that share a source


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"red": ["a"] * 24, "random": label("photo", 64, 16)}, "concept 'red': all 24 images share one source"),
        ({"red": label("a", 24, 6), "random": ["one"] * 64}, "random images: all 64 images share one source"),
    ],
)
def test_a_side_with_one_source_is_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        run(groups=groups)


def test_one_source_is_refused_for_counterparts_siblings_and_degrees():
    with pytest.raises(ValueError, match="all 24 images share one source"):
        run(pool=None, paired={"red": noise(24, 1)}, groups={"red": ["a"] * 24})
    with pytest.raises(ValueError, match="concept 'ages': all 24 images share one source"):
        run({"ages": Concept.from_values(RED, np.arange(24), ["a"] * 24)}, None)
    with pytest.raises(ValueError, match="concept 'ages': its 2 sources have the same mean value"):
        run({"ages": Concept.from_values(RED, np.tile([1, 2], 12), ["a"] * 12 + ["b"] * 12)}, None)


def test_few_sources_give_an_honest_smallest_p():
    groups = {"red": label("a", 24, 2), "random": label("photo", 64, 4)}
    row = run(groups=groups, permutations=5000).rows[0]
    assert row["p_smallest"] == pytest.approx(1 / 15)  # 6 sources, 2 of them the concept's
    assert row["p"] * 15 == pytest.approx(round(row["p"] * 15))  # all 15 ways were counted, none twice
    assert row["p"] >= 1 / 15
    assert {"FEW_RELABELINGS", "SMALL_N"} <= set(row["flags"])
    assert (row["sources_concept"], row["sources_contrast"]) == (2, 4)
    free = run(permutations=5000).rows[0]
    assert free["p_smallest"] == pytest.approx(1 / 5001)
    assert free["sources_concept"] is free["sources_contrast"] is None
    assert "FEW_RELABELINGS" not in free["flags"]


def test_equal_sides_have_half_as_many_answers():
    groups = {"red": label("a", 24, 3), "random": label("photo", 64, 3)}
    assert run(groups=groups).rows[0]["p_smallest"] == pytest.approx(2 / 20)  # turned around, a labeling is as far off
    five = run({"red": RED[:5]}, None, paired={"red": noise(24, 1)[:5]}).rows[0]
    assert five["p_smallest"] == pytest.approx(2 / 32)
    assert "FEW_RELABELINGS" in five["flags"]


def test_small_n_counts_sources():
    many = {"red": 0.9 * np.repeat(RED, 2, 0) + noise(48, 9, low=0, high=0.01)}
    pool, target = noise(64, 2), noise(32, 3)
    assert "SMALL_N" not in run(many, pool, {"0": target}).rows[0]["flags"]
    few = run(many, pool, {"0": target}, groups={"red": np.repeat(np.arange(24), 2)}).rows[0]
    assert "SMALL_N" in few["flags"]
    assert few["n_concept"] == 48


def test_a_label_in_two_sets_is_one_source_and_told():
    groups = {"red": np.arange(24) % 12, "random": np.arange(64) % 16}
    result = run(groups=groups)
    assert "SHARED_SOURCES" in result.rows[0]["flags"]
    (note,) = [note for note in result.notes if "source" in note]
    assert "12 sources are in both concept 'red' and random images (0, 1, 2, 3, 4, ...)" in note
    assert "give different labels" in note
    apart = run(groups={"red": label("a", 24, 12), "random": label("b", 64, 16)})
    assert "SHARED_SOURCES" not in apart.rows[0]["flags"]
    assert not [note for note in apart.notes if "source" in note]


def test_labels_may_be_tuples_and_must_be_hashable():
    pairs = [("patient", number % 6) for number in range(24)]
    assert run(groups={"red": pairs, "random": label("b", 64, 16)}).rows[0]["sources_concept"] == 6
    with pytest.raises(TypeError, match="groups must be labels"):
        run(groups={"red": [[number] for number in range(24)], "random": label("b", 64, 16)})
    with pytest.raises(TypeError, match="groups must be a list"):
        Concept.from_arrays(RED, "a" * 24)


def test_an_image_has_one_source():
    first, second = RED.copy(), tinted(noise(24, 5), 1)
    second[0] = first[0]
    groups = {"red": label("a", 24, 12), "green": label("b", 24, 12), "random": label("c", 64, 16)}
    with pytest.raises(ValueError, match="an image has the source 'a 0' in one set and 'b 0' in concept 'green'"):
        run({"red": first, "green": second}, groups=groups)
    assert run({"red": first, "green": second}, groups={"green": groups["green"]}).family == 4


# --- names of targets


def test_rows_have_class_names_however_a_target_is_given():
    model = make_linear(HEAD, class_names=["cat", "dog"])
    by_name, by_index = run(targets={"dog": TARGET}, model=model), run(targets={1: TARGET}, model=model)
    assert by_name.rows == by_index.rows
    assert by_index.rows[0]["target"] == "dog"
    assert run(targets={1: TARGET}).rows[0]["target"] == "1"
    twice = make_linear(HEAD, class_names=["crane", "crane"])  # as two classes of ImageNet are called
    assert [row["target"] for row in run(targets={0: TARGET, 1: noise(9, 4)}, model=twice).rows] == [
        "crane (0)",
        "crane (1)",
    ]


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ({"dog": TARGET, 1: TARGET}, "targets 'dog' and 1 are the same class, 1"),
        ({1: TARGET, "1": TARGET}, "targets 1 and '1' are the same class, 1"),
        ({"dog": (0, TARGET), 1: TARGET}, "two targets are called 'dog'"),
    ],
)
def test_targets_that_collide_are_refused(targets, message):
    with pytest.raises(ValueError, match=message):
        run(targets=targets, model=make_linear(HEAD, class_names=["cat", "dog"]))


def test_one_class_with_two_sets_of_images_is_asked_for_knowingly():
    targets = {"young dogs": ("dog", TARGET), "old dogs": (1, noise(9, 4))}
    result = run(targets=targets, model=make_linear(HEAD, class_names=["cat", "dog"]))
    assert [row["target"] for row in result.rows] == ["young dogs", "old dogs"]


def test_of_one_logit_each_class_has_its_sign():
    one = np.array(HEAD)[:, :1]
    model = make_linear(one, class_names=["no", "yes"])
    both = run(targets={"yes": TARGET, "no": TARGET}, model=model)
    yes, no = find(both, target="yes"), find(both, target="no")
    assert yes["displacement"] == pytest.approx(-no["displacement"])
    assert yes["displacement"] > 0  # red speaks for the logit
    assert (yes["predicted"], no["predicted"]) == (1.0, 0.0)
    by_index = find(run(targets={1: TARGET}, model=model), target="yes")
    assert by_index["displacement"] == pytest.approx(yes["displacement"])


def test_a_single_image_of_a_target_is_flagged():
    row = run(targets={"0": TARGET[:1]}).rows[0]
    assert {"ONE_TARGET_IMAGE", "SMALL_N"} <= set(row["flags"])
    assert "ONE_TARGET_IMAGE" not in run(targets={"0": TARGET[:2]}).rows[0]["flags"]


# --- what was left out, and where sets overlap


def test_every_overlap_is_a_note_and_read_out():
    green = tinted(noise(24, 5), 1)
    green[:3] = RED[:3]
    target = TARGET.copy()
    target[:2] = RED[4:6]
    result = run({"red": RED, "green": green}, targets={"0": target, "1": np.concatenate([target[:1], noise(8, 7)])})
    text = "\n".join(result.notes)
    assert "3 images are in both concept 'red' and concept 'green'" in text
    assert "2 images are in both concept 'red' and the images of target '0'" in text
    assert "1 image is in both concept 'red' and the images of target '1'" in text
    said = "\n".join(result.explain())
    assert all(note in said for note in result.notes)


def test_skipped_files_are_listed(tmp_path):
    for name, images in {"striped": RED[:8], "pool": POOL[:8]}.items():
        (tmp_path / name).mkdir()
        for number, image in enumerate(images):
            Image.fromarray((image * 255).astype(np.uint8)).save(tmp_path / name / f"{number}.png")
    (tmp_path / "striped" / "broken.png").write_bytes(b"no picture")
    for number in range(8):
        (tmp_path / "pool" / f"{number}.txt").write_text("")
    striped, pool = (Concept.from_folder(tmp_path / name) for name in ("striped", "pool"))
    assert striped.files[:2] == ("0.png", "1.png")
    notes = run({"striped": striped}, pool).notes
    assert any(note.startswith("concept 'striped': 1 file was not read: broken.png: ") for note in notes)
    (long,) = [note for note in notes if note.startswith("random images: 8 files were not read: 0.txt")]
    assert long.endswith("and 3 more")


# --- counterparts


def test_counterparts_in_another_order_are_noticed():
    base, model = noise(24, 1), make_linear(HEAD)
    right = run(pool=None, paired={"red": base}, model=model)
    assert right.notes == []
    wrong = run(pool=None, paired={"red": base[::-1].copy()}, model=model)
    assert any("24 of 24 images are much more like the counterpart of another image" in note for note in wrong.notes)
    assert "PAIR_ORDER" in wrong.rows[0]["flags"]
    two = base.copy()
    two[[3, 7]] = base[[7, 3]]
    (note,) = run(pool=None, paired={"red": two}, model=model).notes
    assert "2 of 24 images" in note
    assert "image 3 like that of image 7" in note


def test_unlike_counterparts_do_not_raise_a_false_alarm():
    assert not run(pool=None, paired={"red": noise(24, 77)}).notes
    dark = (0.3 * noise(24, 1) ** 2).astype(np.float32)
    assert not run(pool=None, paired={"red": dark}).notes


def test_equal_file_names_must_stand_at_the_same_place(tmp_path):
    for name, images in {"tagged": RED[:8], "plain": noise(24, 1)[:8]}.items():
        (tmp_path / name).mkdir()
        for number, image in enumerate(images):
            Image.fromarray((image * 255).astype(np.uint8)).save(tmp_path / name / f"{number}.png")
    (tmp_path / "tagged" / "2.png").write_bytes(b"damaged")
    (tmp_path / "plain" / "5.png").write_bytes(b"damaged")
    tagged, plain = (Concept.from_folder(tmp_path / name) for name in ("tagged", "plain"))
    with pytest.raises(ValueError, match=r"paired images of 'tagged': '3\.png' is image 2 of the concept, but image 3"):
        run({"tagged": tagged}, None, paired={"tagged": plain})


# --- probes, and a network that was not opened


def test_a_probe_is_as_good_as_its_images():
    probe = dataclasses.replace(Probe.from_arrays(RED), skipped=("a.txt: no picture",))
    result = run({"red": probe}, Probe.from_arrays(POOL), {"0": Probe.from_arrays(TARGET)})
    assert result.rows == run().rows
    assert result.notes == ["concept 'red': 1 file was not read: a.txt: no picture"]
    vectors = result.directions("features")
    np.testing.assert_array_equal(
        concepts.concept_scores(make_linear(HEAD), probe, vectors),
        concepts.concept_scores(make_linear(HEAD), RED, vectors),
    )


def test_what_is_no_test_and_no_vectors_is_refused(tmp_path):
    model = make_linear(HEAD)
    with pytest.raises(TypeError, match=r"add_concepts needs what tcav returned, .* got str, KerasModel and dict"):
        concepts.add_concepts("result", model, {"green": RED})
    with pytest.raises(TypeError, match="vectors are saved as Directions"):
        concepts.save_directions(tmp_path / "a.npz", np.eye(3), model)


def test_a_raw_network_is_refused_with_the_way_out(tmp_path):
    raw = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(3, 1, name="features")])
    rgb = Directions("features", np.eye(3), "rgb")
    result = run()
    calls = {
        "tcav": lambda: tcav(raw, {"red": RED}, POOL, {"0": TARGET}, "features"),
        "add_concepts": lambda: concepts.add_concepts(result, raw, {"green": RED}),
        "concept_scores": lambda: concepts.concept_scores(raw, RED, rgb),
        "sort_by_concept": lambda: concepts.sort_by_concept(raw, RED, rgb),
        "concept_maps": lambda: concepts.concept_maps(raw, RED, rgb),
        "ablate_concepts": lambda: concepts.ablate_concepts(raw, RED, rgb),
        "save_directions": lambda: concepts.save_directions(tmp_path / "a.npz", rgb, raw),
        "load_directions": lambda: concepts.load_directions(tmp_path / "a.npz", raw),
    }
    for name, call in calls.items():
        with pytest.raises(TypeError, match=rf"{name} needs a Model, got Sequential: wrap it with open_model"):
            call()
