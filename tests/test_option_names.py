"""What is printed by a command names options of the command line, and no arguments of Python."""

import pytest

from tf_interp.cli.option_names import name_options


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        (
            "give its range as preprocess (open_model(..., preprocess=...) or InterpCallback(..., preprocess=...))",
            "give its range as preprocess (--preprocess)",
        ),
        ("multiply by 255 in preprocess (preprocess='0..255')", "multiply by 255 in preprocess (--preprocess 0..255)"),
        ("others are ['b'] (output= chooses)", "others are ['b'] (--output chooses)"),
        ("say head='binary'", "say --head binary"),
        ('which is meant, e.g. output="softmax"', "which is meant, e.g. --output softmax"),
        ("if you trust it, pass trust=True", "if you trust it, pass --trust"),
        ("open_model(..., output='b')", "--output b"),
        ("from_folder(..., class_names=[...])", "from_folder(..., class_names=[...])"),
        ("my_head=3", "my_head=3"),
    ],
)
def test_arguments_become_options(said, printed):
    assert name_options(said) == printed
