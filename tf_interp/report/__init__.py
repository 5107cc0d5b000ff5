"""A run as one file to send: a page that opens anywhere, Markdown, JSON."""

from tf_interp.report.write_report import write_report as write_report
