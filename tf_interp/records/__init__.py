"""Records and the event files that carry them."""

from tf_interp.records.record import Record as Record
from tf_interp.records.sessions import Look as Look
from tf_interp.records.sessions import last_step as last_step
from tf_interp.records.sessions import list_sessions as list_sessions
from tf_interp.records.sessions import read_last as read_last
from tf_interp.records.sessions import read_look as read_look
from tf_interp.records.summary import Writer as Writer
from tf_interp.records.summary import read as read
from tf_interp.records.summary import read_runs as read_runs
from tf_interp.records.summary import write as write
from tf_interp.records.summary import written_tags as written_tags
