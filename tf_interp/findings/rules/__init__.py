"""What is worth telling: a file for each thing that findings are about. They read records and know no network."""

from tf_interp.findings.rules.concept_reliance import find_reliance
from tf_interp.findings.rules.deciding_nodes import find_deciders
from tf_interp.findings.rules.evidence_at_border import find_border_evidence
from tf_interp.findings.rules.group_turnover import find_turnover
from tf_interp.findings.rules.idle_units import find_idle_units

RULES = {  # kind of record -> (its records of one look, what was told, a memory) -> findings
    "concepts": find_reliance,
    "decision": find_deciders,
    "attribution": find_border_evidence,
    "groups": find_turnover,
    "features": find_idle_units,
}
