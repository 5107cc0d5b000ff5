"""A run as one file to send: a page that opens anywhere, Markdown, JSON."""

from tf_interp.report.report_file import tell_in_html as tell_in_html
from tf_interp.report.report_file import write_report as write_report
