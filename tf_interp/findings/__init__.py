"""Findings of a run: the few things a person would want to be told of all that was recorded."""

from tf_interp.findings.finder import Finder as Finder
from tf_interp.findings.finder import read_findings as read_findings
from tf_interp.findings.run_finding import FINDING as FINDING
from tf_interp.findings.run_finding import KINDS as KINDS
from tf_interp.findings.run_finding import RunFinding as RunFinding
