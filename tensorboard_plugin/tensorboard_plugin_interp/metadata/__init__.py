"""What the library and its tab have in common, each rule once: the wire format of records, the file of names.

Standard library only: TensorBoard imports this when it starts, and the tab needs neither TensorFlow nor the library.
"""

from tensorboard_plugin_interp.metadata.linker import link_modules as link_modules
from tensorboard_plugin_interp.metadata.names_file import LONGEST_NAME as LONGEST_NAME
from tensorboard_plugin_interp.metadata.names_file import NAMES_FILE as NAMES_FILE
from tensorboard_plugin_interp.metadata.names_file import SAME_GROUP as SAME_GROUP
from tensorboard_plugin_interp.metadata.names_file import NamesFile as NamesFile
from tensorboard_plugin_interp.metadata.names_file import change_names as change_names
from tensorboard_plugin_interp.metadata.names_file import check_name as check_name
from tensorboard_plugin_interp.metadata.names_file import make_entry as make_entry
from tensorboard_plugin_interp.metadata.names_file import read_names as read_names
from tensorboard_plugin_interp.metadata.vectors import pack_vector as pack_vector
from tensorboard_plugin_interp.metadata.vectors import shorten_vector as shorten_vector
from tensorboard_plugin_interp.metadata.vectors import unpack_vector as unpack_vector
from tensorboard_plugin_interp.metadata.wire_format import HEADER_KEYS as HEADER_KEYS
from tensorboard_plugin_interp.metadata.wire_format import MAX_DEPTH as MAX_DEPTH
from tensorboard_plugin_interp.metadata.wire_format import PLUGIN_NAME as PLUGIN_NAME
from tensorboard_plugin_interp.metadata.wire_format import SCHEMA as SCHEMA
from tensorboard_plugin_interp.metadata.wire_format import SUBRUN as SUBRUN
from tensorboard_plugin_interp.metadata.wire_format import TAB_NAME as TAB_NAME
from tensorboard_plugin_interp.metadata.wire_format import make_tag as make_tag
from tensorboard_plugin_interp.metadata.wire_format import name_session as name_session
from tensorboard_plugin_interp.metadata.wire_format import pack as pack
from tensorboard_plugin_interp.metadata.wire_format import parse_session as parse_session
from tensorboard_plugin_interp.metadata.wire_format import split_tag as split_tag
from tensorboard_plugin_interp.metadata.wire_format import unpack as unpack
