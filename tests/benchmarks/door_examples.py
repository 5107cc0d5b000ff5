"""Small networks for pictures with the structures of public Keras code examples, written anew; see `one_door.py`."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from door_check import Fixture
from door_networks import register, seeded, some, whole

L = keras.layers
ops = keras.ops


@seeded
def mnist_convnet() -> Fixture:
    layers = [
        L.Conv2D(4, 3, activation="relu"),
        L.MaxPooling2D(2),
        L.Conv2D(6, 3, activation="relu"),
        L.MaxPooling2D(2),
        L.Flatten(),
        L.Dropout(0.5),
        L.Dense(10, activation="softmax"),
    ]
    return Fixture(keras.Sequential([keras.Input((16, 16, 1)), *layers]), some(2, 16, 16, 1))


@seeded
def cats_and_dogs() -> Fixture:
    """Separable convolutions with residuals; names given by Keras."""
    x = keras.Input((24, 24, 3))
    y = L.Rescaling(1.0 / 255)(x)
    y = L.Activation("relu")(L.BatchNormalization()(L.Conv2D(4, 3, strides=2, padding="same")(y)))
    before = y
    for size in (6, 8):
        for _ in range(2):
            y = L.Activation("relu")(y)
            y = L.BatchNormalization()(L.SeparableConv2D(size, 3, padding="same")(y))
        y = L.MaxPooling2D(3, strides=2, padding="same")(y)
        before = y = L.add([y, L.Conv2D(size, 1, strides=2, padding="same")(before)])
    y = L.Dropout(0.25)(L.GlobalAveragePooling2D()(y))
    return Fixture(keras.Model(x, L.Dense(1, activation=None)(y)), 255 * some(2, 24, 24, 3))


@seeded
def contrastive() -> Fixture:
    """Siamese with a Lambda for the distance."""
    picture = keras.Input((12, 12, 1))
    y = L.BatchNormalization()(picture)
    y = L.AveragePooling2D(2)(L.Conv2D(4, 5, activation="tanh")(y))
    tower = keras.Model(picture, L.Dense(5, activation="tanh")(L.BatchNormalization()(L.Flatten()(y))))
    one, two = keras.Input((12, 12, 1)), keras.Input((12, 12, 1))
    distance = L.Lambda(_euclidean, output_shape=(1,))([tower(one), tower(two)])
    output = L.Dense(1, activation="sigmoid")(L.BatchNormalization()(distance))
    pictures = [some(3, 12, 12, 1), some(3, 12, 12, 1, seed=1)]
    return Fixture(keras.Model([one, two], output), pictures, options={"trust": True})


@register
def _euclidean(vectors):
    one, two = vectors
    return ops.sqrt(ops.maximum(ops.sum(ops.square(one - two), axis=1, keepdims=True), 1e-7))


@seeded
def supervised_contrastive() -> Fixture:
    """An encoder in a model, projected and normalized."""
    inner = keras.Input((12, 12, 3))
    y = L.Conv2D(4, 3, activation="relu")(inner)
    encoder = keras.Model(inner, L.GlobalAveragePooling2D()(y), name="encoder")
    x = keras.Input((12, 12, 3))
    return Fixture(keras.Model(x, L.UnitNormalization()(L.Dense(5)(encoder(x)))), some(2, 12, 12, 3))


@register
class Involution(L.Layer):
    """Kernels made from the picture; the layer returns its kernel too."""

    def build(self, input_shape):
        self.channels = input_shape[-1]
        layers = [L.Conv2D(2, 1, name="conv"), L.BatchNormalization(name="norm"), L.ReLU(name="relu")]
        self.reduce = keras.Sequential(layers, name="reduce")
        self.reduce.build(input_shape)
        self.span = L.Conv2D(9, 1, name="span")
        self.span.build((*input_shape[:-1], 2))
        self.built = True

    def call(self, x):
        kernel = self.span(self.reduce(x))
        _, height, width, _ = x.shape
        kernel = ops.reshape(kernel, (-1, height, width, 9, 1))
        patches = ops.image.extract_patches(x, 3, 1, 1, "same")
        patches = ops.reshape(patches, (-1, height, width, 9, self.channels))
        return ops.sum(kernel * patches, axis=3), kernel


@seeded
def involution() -> Fixture:
    x = keras.Input((8, 8, 3))
    y, _ = Involution(name="inv_1")(x)
    y = L.MaxPooling2D(2)(L.ReLU(name="relu")(y))
    y, _ = Involution(name="inv_2")(y)
    return Fixture(keras.Model(x, L.Dense(3)(L.Flatten()(L.ReLU()(y)))), some(2, 8, 8, 3))


@seeded
def deeplab() -> Fixture:
    """Dilated convolutions beside one another, bilinear enlargement, a class for each pixel."""
    x = keras.Input((16, 16, 3))
    low = L.ReLU()(L.Conv2D(4, 3, strides=2, padding="same")(x))
    deep = L.ReLU()(L.Conv2D(6, 3, strides=2, padding="same")(low))
    y = L.AveragePooling2D((4, 4))(deep)
    y = L.UpSampling2D((4, 4), interpolation="bilinear")(L.Conv2D(4, 1)(y))
    rates = [L.Conv2D(4, 3, dilation_rate=rate, padding="same", use_bias=False)(deep) for rate in (1, 2, 3)]
    y = L.ReLU()(L.BatchNormalization()(L.Concatenate(axis=-1)([y, *rates])))
    y = L.UpSampling2D((2, 2), interpolation="bilinear")(L.Conv2D(4, 1)(y))
    y = L.Concatenate(axis=-1)([y, L.Conv2D(3, 1)(low)])
    y = L.UpSampling2D((2, 2), interpolation="bilinear")(L.Conv2D(4, 3, padding="same", activation="relu")(y))
    return Fixture(keras.Model(x, L.Conv2D(5, 1, padding="same")(y)), some(2, 16, 16, 3))


@seeded
def keypoints() -> Fixture:
    """Numbers for 6 points as [1,1,12], through separable convolutions and a sigmoid."""
    x = keras.Input((14, 14, 3))
    y = L.Conv2D(4, 3, strides=2, activation="relu")(x)
    y = L.SeparableConv2D(6, 3, activation="relu")(L.Dropout(0.3)(y))
    return Fixture(keras.Model(x, L.SeparableConv2D(12, 4, activation="sigmoid")(y)), some(2, 14, 14, 3))


@register
class Shuffle(L.Layer):
    """Depth to space, by an operation of TensorFlow."""

    def call(self, x):
        return tf.nn.depth_to_space(x, 2)


@seeded
def super_resolution() -> Fixture:
    """Any size of pictures in, twice the size out."""
    x = keras.Input((None, None, 1))
    y = L.Conv2D(6, 5, padding="same", activation="relu", kernel_initializer="orthogonal")(x)
    y = L.Conv2D(4, 3, padding="same", activation="relu", kernel_initializer="orthogonal")(y)
    return Fixture(keras.Model(x, Shuffle()(y)), some(2, 10, 12, 1))


@register
class ZeroDCE(keras.Model):
    """A model without inputs of its own, with a functional one inside, and curves applied again and again."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        x = keras.Input((None, None, 3))
        one = L.Conv2D(4, 3, activation="relu", padding="same", name="conv1")(x)
        two = L.Conv2D(4, 3, activation="relu", padding="same", name="conv2")(one)
        last = L.Conv2D(6, 3, activation="tanh", padding="same", name="conv3")
        self.curves = keras.Model(x, last(L.Concatenate(axis=-1, name="join")([one, two])), name="curves")

    def call(self, data):
        curves, x = self.curves(data), data
        for start in (0, 3):
            x = x + curves[:, :, :, start : start + 3] * (ops.square(x) - x)
        return x


@seeded
def zero_dce() -> Fixture:
    return Fixture(ZeroDCE(name="zero_dce"), some(2, 8, 8, 3))


@seeded
def next_frame() -> Fixture:
    """Convolutional LSTM for any number of frames."""
    x = keras.Input((None, 8, 8, 1))
    y = L.ConvLSTM2D(3, 3, padding="same", return_sequences=True, activation="relu")(x)
    y = L.ConvLSTM2D(3, 1, padding="same", return_sequences=True, activation="relu")(L.BatchNormalization()(y))
    y = L.Conv3D(1, 3, activation="sigmoid", padding="same")(y)
    return Fixture(keras.Model(x, y), some(2, 3, 8, 8, 1))


@register
class Diffusion(keras.Model):
    """A denoising network inside a model with a `train_step`, which has no input of its own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        noisy, variance = keras.Input((8, 8, 3), name="noisy"), keras.Input((1, 1, 1), name="variance")
        e = L.Lambda(_sinusoid, output_shape=(1, 1, 4), name="sinusoid")(variance)
        e = L.UpSampling2D(8, interpolation="nearest", name="spread")(e)
        y = L.Concatenate(name="join")([L.Conv2D(4, 1, name="first")(noisy), e])
        z = L.BatchNormalization(center=False, scale=False, name="norm")(y)
        z = L.Conv2D(6, 3, padding="same", activation="swish", name="conv1")(z)
        z = L.Conv2D(6, 3, padding="same", name="conv2")(z)
        y = skip = L.Add(name="residual")([L.Conv2D(6, 1, name="wide")(y), z])
        y = L.UpSampling2D(2, interpolation="bilinear", name="up")(L.AveragePooling2D(2, name="down")(y))
        y = L.Concatenate(name="skip")([y, skip])
        output = L.Conv2D(3, 1, kernel_initializer="random_normal", name="last")(y)
        self.network = keras.Model([noisy, variance], output, name="residual_unet")

    def call(self, inputs):
        return self.network(inputs)


@register
def _sinusoid(x):
    angles = ops.cast(ops.exp(ops.linspace(0.0, 2.0, 2)), "float32") * 2.0 * np.pi
    return ops.concatenate([ops.sin(angles * x), ops.cos(angles * x)], axis=3)


@seeded
def diffusion() -> Fixture:
    inputs = [some(2, 8, 8, 3), some(2, 1, 1, 1, seed=1)]
    return Fixture(Diffusion(name="diffusion"), inputs, options={"trust": True})


@seeded
def conditional_generator() -> Fixture:
    """Noise and a class number in, a picture out."""
    noise, label = keras.Input((5,), name="noise"), keras.Input((), dtype="int32", name="label")
    y = L.Concatenate(name="join")([noise, L.Embedding(4, 3, name="class_embedding")(label)])
    y = L.Reshape((3, 3, 4), name="map")(L.LeakyReLU(negative_slope=0.2)(L.Dense(36)(y)))
    y = L.Conv2DTranspose(4, 4, strides=2, padding="same")(y)
    y = L.Conv2D(1, 7, padding="same", activation="sigmoid")(L.LeakyReLU(negative_slope=0.2)(y))
    return Fixture(keras.Model([noise, label], y), [some(3, 5), whole(4, 3)])


@register
class Quantizer(L.Layer):
    """Nearest vectors of a codebook, gradients straight through."""

    def build(self, input_shape):
        self.width = input_shape[-1]
        self.codes = self.add_weight(shape=(self.width, 7), initializer="random_uniform", name="embeddings_vqvae")

    def call(self, x):
        flat = ops.reshape(x, (-1, self.width))
        distances = ops.sum(flat**2, 1, keepdims=True) + ops.sum(self.codes**2, 0) - 2 * ops.matmul(flat, self.codes)
        chosen = ops.one_hot(ops.argmin(distances, axis=1), 7)
        quantized = ops.reshape(ops.matmul(chosen, ops.transpose(self.codes)), ops.shape(x))
        return x + ops.stop_gradient(quantized - x)


@seeded
def vq_vae() -> Fixture:
    picture, code = keras.Input((8, 8, 1)), keras.Input((2, 2, 4))
    y = L.Conv2D(6, 3, activation="relu", strides=2, padding="same")(picture)
    encoder = keras.Model(picture, L.Conv2D(4, 3, strides=2, padding="same")(y), name="encoder")
    y = L.Conv2DTranspose(6, 3, activation="relu", strides=2, padding="same")(code)
    decoder = keras.Model(code, L.Conv2DTranspose(1, 3, strides=2, padding="same")(y), name="decoder")
    x = keras.Input((8, 8, 1))
    return Fixture(
        keras.Model(x, decoder(Quantizer(name="vector_quantizer")(encoder(x))), name="vq_vae"), some(2, 8, 8, 1)
    )


@seeded
def conv_mixer() -> Fixture:
    """Depthwise convolutions with residuals, GELU as a layer."""
    x = keras.Input((16, 16, 3))
    y = L.BatchNormalization()(L.Activation("gelu")(L.Conv2D(6, 2, strides=2)(L.Rescaling(1 / 255)(x))))
    for _ in range(2):
        z = L.BatchNormalization()(L.Activation("gelu")(L.DepthwiseConv2D(5, padding="same")(y)))
        y = L.BatchNormalization()(L.Activation("gelu")(L.Conv2D(6, 1)(L.Add()([z, y]))))
    return Fixture(keras.Model(x, L.Dense(3, activation="softmax")(L.GlobalAvgPool2D()(y))), 255 * some(2, 16, 16, 3))


EXAMPLES = {
    f"example {name}": value
    for name, value in dict(globals()).items()
    if hasattr(value, "__wrapped__") and getattr(value, "__module__", None) == __name__
}
