"""A training that was interrupted goes on with the same groups: identities, names and order."""

import numpy as np
import pytest
from watched import build, fit, watch

import tf_interp as ti
from tf_interp.analysis import NeuronGroups


@pytest.mark.parametrize("method", ["auto", "semi_nmf"])
def test_identities_go_on_after_an_interruption(method, tmp_path):
    def part():
        return NeuronGroups([3, 2], icons=False, switches=0, method=method)

    model = fit(build(), watch(tmp_path, parts=[part()]), epochs=2)
    before = [record for record in ti.read(tmp_path) if record.kind == "groups"]
    fit(model, watch(tmp_path, parts=[part()]), epochs=4, initial_epoch=2)
    after = [record for record in ti.read(tmp_path) if record.kind == "groups"][len(before) :]
    last = {record.data["variant"]: record for record in before}
    first = {record.data["variant"]: record for record in reversed(after)}
    assert set(first) == {"2", "3"}
    for variant, record in first.items():
        assert record.step > last[variant].step
        assert record.data["session"] == 1
        for key in ("identity", "name"):
            assert [row[key] for row in record.data["groups"]] == [row[key] for row in last[variant].data["groups"]]
        assert max(row["drift"] for row in record.data["groups"]) < 0.5
        assert any("identities go on from the record of step" in note for note in record.data["notes"])
    assert not [event for record in after for event in record.data["events"] if event["event"] == "birth"]
    told = [any("identities go on" in note for note in record.data["notes"]) for record in after]
    assert sum(told) == 2  # once for each number of groups


def test_a_history_goes_on_from_one_step():
    kept = ti.GroupHistory.resume(ti.Directions("conv", np.eye(4)[:3], ("a", "b", "c")), [7, 2, -1], 9)
    step = kept.add(5, ti.Directions("conv", np.eye(4)[[1, 3, 0]]))
    assert step.identities == (2, 9, 7)
    assert step.names[0] == "b"
    assert [event.event for event in step.events] == ["birth"]
    with pytest.raises(ValueError, match="2 groups have one identity each"):
        ti.GroupHistory.resume(ti.Directions("conv", np.eye(2)), [1, 1])
