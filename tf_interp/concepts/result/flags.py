"""What to be careful about in a finding, in words, and what forbids a claim."""

FLAGS = {
    "SMALL_N": "fewer than 30 images (or sources of images) on a side, so intervals are wide",
    "ONE_TARGET_IMAGE": "the target has a single image, so nothing is said about other images of it",
    "FEW_RELABELINGS": "so few images or sources that no result could be significant",
    "SHARED_SOURCES": "some sources have images on both sides; these are compared within the source only",
    "PAIR_ORDER": "some counterparts look as if they belonged to other images: is the order the same?",
    "GOES_OTHERWISE": "on the pairs themselves the logit moves the other way; if the concept sits in one place, the "
    'mean over positions hides that: try pooling="flat"',
    "ONE_IMAGE": "without a single one of the concept images the result would change by over half",
    "ENTANGLED": "its vector is nearly that of another concept (cosine above .9): the two cannot be told apart",
    "SMALL_POOL": "fewer than 60 random images, so specificity could not be computed",
    "POOL_REUSED": "the random sets share images, because the pool is too small for disjoint ones",
    "OVERLAP": "images were in several sets",
    "LOW_ACCURACY": "the layer does not tell concept from contrast better than shuffled labels",
    "UNSTABLE": "two halves of the images give different concept vectors (mean cosine below .5)",
    "D_MUCH_LARGER": "the layer has over ten times as many dimensions as there are images",
    "GRAD_ZERO": "on over a tenth of the target images the logit does not depend on the layer at all",
    "GRAD_CONSTANT": "the gradient is the same on all target images, so the score can only be 0 or 1",
    "TIES": "on over a twentieth of the target images the concept changes nothing; they count half in the score",
    "CLASS_NOT_PREDICTED": "the network gives under half of the target images to this class",
    "OPTIMISTIC_P": "the published test calls most meaningless concepts significant: its p is far too small",
    "NON_FINITE": "activations or gradients held NaN or infinite values, so nothing could be computed",
}
SPECIFIC = 0.95  # from this percentile on a concept is called specific to a decision
SOMEWHAT = 0.8  # and from this on it is said to stand out a little
FORBIDDING = {"GRAD_ZERO", "NON_FINITE", "OPTIMISTIC_P"}  # no claim is made where one of these is set
