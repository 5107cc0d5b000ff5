"""Groups of neurons that fire together."""

from tf_interp.groups.find import Groups as Groups
from tf_interp.groups.find import find_groups as find_groups
