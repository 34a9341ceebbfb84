"""Encoder states: selection, noisy copies and encoding, in every precision and on every device."""

import numpy as np
import pytest

from whisperx_worker_plugins._shared.whisper.encoder_states import (
    MAX_CHUNKS_ON_CPU,
    encode_spectrograms,
    perturb_states,
    select_items,
)

ctranslate2 = pytest.importorskip("ctranslate2")
DataType, StorageView = ctranslate2.DataType, ctranslate2.StorageView

pytestmark = pytest.mark.models

PRECISIONS = [DataType.float32, DataType.float16, DataType.bfloat16]


class OnGpu:
    """States on a GPU, which numpy can read only after a copy to the CPU."""

    device = "cuda"

    def __init__(self, here):
        self.here, self.dtype, self.shape = here, here.dtype, here.shape

    def to_device(self, device):
        assert device == ctranslate2.Device.cpu
        return self.here

    def to(self, dtype):
        return OnGpu(self.here.to(dtype))


def states(items=3, width=4, precision=DataType.float32):
    """Whole numbers, so that no precision rounds them."""
    numbers = np.arange(items * 5 * width, dtype=np.float32).reshape(items, 5, width)
    return numbers, StorageView.from_array(numbers).to(precision)


def array(view):
    return np.asarray(view.to(DataType.float32))


@pytest.mark.parametrize("place", [lambda view: view, OnGpu], ids=["cpu", "cuda"])
@pytest.mark.parametrize("precision", PRECISIONS, ids=str)
def test_some_items_of_a_batch_keep_their_numbers_and_their_precision(precision, place):
    numbers, encoded = states(precision=precision)

    some = select_items(place(encoded), [0, 2])

    assert some.dtype == precision
    assert array(some).tolist() == numbers[[0, 2]].tolist()


@pytest.mark.parametrize("place", [lambda view: view, OnGpu], ids=["cpu", "cuda"])
def test_all_items_are_the_batch_itself(place):
    encoded = place(states()[1])

    assert select_items(encoded, [0, 1, 2]) is encoded
    assert select_items(encoded, [0, 2, 1]) is not encoded


@pytest.mark.parametrize("place", [lambda view: view, OnGpu], ids=["cpu", "cuda"])
@pytest.mark.parametrize("precision", PRECISIONS, ids=str)
def test_copies_differ_by_less_noise_than_the_states_spread(precision, place):
    numbers, encoded = states(precision=precision)

    copies = perturb_states(place(encoded), temperature=1.0, copies=5)

    assert copies.dtype == precision
    assert copies.shape == [15, 5, 4]
    noise = array(copies).reshape(3, 5, 5, 4) - numbers[:, None]
    assert 0 < np.abs(noise).max() < 2 * numbers[0].std()
    assert len({copy.tobytes() for item in noise for copy in item}) == 15


def test_noise_grows_with_the_temperature_and_does_not_depend_on_the_batch():
    numbers, encoded = states()

    def noise(temperature):
        return np.abs(array(perturb_states(encoded, temperature, 5)).reshape(3, 5, 5, 4) - numbers[:, None]).mean()

    assert noise(0.2) < noise(0.6) < noise(1.0)
    alone = array(perturb_states(select_items(encoded, [1]), 0.4, 5))
    assert array(perturb_states(encoded, 0.4, 5))[5:10].tolist() == alone.tolist()


class Encoder:
    """A model on a device that returns the sums of its spectrograms as states."""

    def __init__(self, device, precision):
        self.device, self.precision, self.batches = device, precision, []
        self.model = self

    def encode(self, mels):
        self.batches.append(len(mels))
        sums = StorageView.from_array(np.ascontiguousarray(mels.sum(axis=1, keepdims=True))).to(self.precision)
        return sums if self.device == "cpu" else OnGpu(sums)


@pytest.mark.parametrize("precision", PRECISIONS, ids=str)
def test_a_cpu_encodes_a_few_chunks_at_once_in_the_models_precision(precision):
    mels = np.arange(9 * 2 * 3, dtype=np.float32).reshape(9, 2, 3)
    whisper = Encoder("cpu", precision)

    encoded = encode_spectrograms(whisper, mels)

    assert whisper.batches == [MAX_CHUNKS_ON_CPU, MAX_CHUNKS_ON_CPU, 1]
    assert encoded.dtype == precision
    assert array(encoded).tolist() == mels.sum(axis=1, keepdims=True).tolist()


def test_a_gpu_encodes_a_whole_batch():
    whisper = Encoder("cuda", DataType.float16)

    encode_spectrograms(whisper, np.zeros((9, 2, 3), np.float32))

    assert whisper.batches == [9]
