"""Pictures at the border of the library: check arrays, read files, make uint8 sheets.

An image batch is plain float32 [N,H,W,C] in [0,1], everywhere. Only a model's `preprocess` knows another range.
"""

from tf_interp.images.arrays import check_images as check_images
from tf_interp.images.arrays import check_labels as check_labels
from tf_interp.images.arrays import check_picture as check_picture
from tf_interp.images.arrays import digest_images as digest_images
from tf_interp.images.arrays import divisor as divisor
from tf_interp.images.bands import find_bands as find_bands
from tf_interp.images.bands import show_bands as show_bands
from tf_interp.images.contact_sheet import make_sheet as make_sheet
from tf_interp.images.contact_sheet import to_uint8 as to_uint8
from tf_interp.images.crops import crop_around as crop_around
from tf_interp.images.crops import crop_length as crop_length
from tf_interp.images.picture_files import MAX_PIXELS as MAX_PIXELS
from tf_interp.images.picture_files import describe as describe
from tf_interp.images.picture_files import list_folder as list_folder
from tf_interp.images.picture_files import read_files as read_files
from tf_interp.images.picture_files import read_folder as read_folder
from tf_interp.images.picture_files import read_image as read_image
from tf_interp.images.picture_files import take_turns as take_turns
