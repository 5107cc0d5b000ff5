"""The table of flags: each row says when it holds, and what it says of a row."""

import pytest

from tf_interp.concepts.result.flags import FLAGS, TABLE, Circumstances, raise_flags

CLEAN = {
    "effect": 0.3, "displacement": 0.5, "influence": 0.1, "entanglement": 0.1, "specificity": 0.9, "predicted": 0.9,
    "cav_accuracy": 0.9, "cav_accuracy_null": 0.6, "cav_correlation": None, "cav_correlation_null": None,
    "stability": 0.9, "zero_gradients": 0.0, "gradient_cosine": 0.5, "ties": 0.0, "p_smallest": 0.0001,
    "n_concept": 40, "n_contrast": 90, "n_target": 50, "sources_concept": None, "sources_contrast": None,
}  # fmt: skip
CASES = {
    "NON_FINITE": {"effect": None, "n_target": 1},  # and nothing else is said of a row without numbers
    "OPTIMISTIC_P": {"displacement": None, "influence": None, "specificity": None},
    "GRAD_ZERO": {"zero_gradients": 0.11},
    "SMALL_N": {"n_target": 6},
    "ONE_TARGET_IMAGE": {"n_target": 1},
    "FEW_RELABELINGS": {"p_smallest": 0.051},
    "SHARED_SOURCES": {"shares_sources": True},
    "PAIR_ORDER": {"disordered": True},
    "GOES_OTHERWISE": {"goes_otherwise": True},
    "ONE_IMAGE": {"influence": -0.3},
    "ENTANGLED": {"entanglement": -0.91},
    "SMALL_POOL": {"specificity": None},
    "POOL_REUSED": {"pool_reused": True},
    "OVERLAP": {"overlap": True},
    "LOW_ACCURACY": {"cav_accuracy": 0.6},
    "UNSTABLE": {"stability": 0.4},
    "D_MUCH_LARGER": {"dimensions": 1301, "examples": 130},
    "GRAD_CONSTANT": {"gradient_cosine": 0.9999},
    "TIES": {"ties": 0.06},
    "CLASS_NOT_PREDICTED": {"predicted": 0.4},
}


def _raise(changed):
    row = {key: value for key, value in changed.items() if key in CLEAN}
    return raise_flags({**CLEAN, **row}, Circumstances(**{k: v for k, v in changed.items() if k not in CLEAN}))


def test_every_flag_has_a_case_and_a_clean_row_has_none():
    assert list(CASES) == list(TABLE) == list(FLAGS)
    assert _raise({}) == []


@pytest.mark.parametrize("name", CASES)
def test_a_flag_is_raised_where_it_holds_and_no_other(name):
    implied = {"SMALL_N"} if name == "ONE_TARGET_IMAGE" else set()
    assert set(_raise(CASES[name])) - implied == {name}


@pytest.mark.parametrize("name", ["influence", "entanglement", "stability", "ties", "gradient_cosine", "predicted"])
def test_what_is_unknown_raises_nothing(name):
    assert _raise({name: None}) == []


def test_a_trend_is_compared_with_its_own_chance():
    trend = {"cav_accuracy": None, "cav_accuracy_null": None, "n_contrast": None, "cav_correlation": 0.2}
    assert _raise({**trend, "cav_correlation_null": 0.1}) == []
    assert _raise({**trend, "cav_correlation_null": 0.3}) == ["LOW_ACCURACY"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"n_concept": 60, "n_contrast": 60, "n_target": 6}, "6 target images"),
        ({"n_concept": 29}, "29 concept images"),
        ({"sources_concept": 4, "sources_contrast": 15}, "4 concept sources, 15 contrast sources"),
        ({"n_concept": 12, "n_target": 1}, "12 concept images, 1 target image"),
    ],
)
def test_small_n_says_which_side_is_small(changed, said):
    row = {**CLEAN, **changed}
    assert "SMALL_N" in raise_flags(row, Circumstances())
    assert TABLE["SMALL_N"].describe(row) == f"{FLAGS['SMALL_N']}: {said}"
