"""Devices that are asked for."""

import pytest
import torch

from pyscorer.contract.devices import check_device
from pyscorer.errors import InputError


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_an_error_of_the_configuration() -> None:
    with pytest.raises(InputError, match=r"device cuda: torch cannot compute on it here .*cpu"):
        check_device("cuda")


def test_a_name_that_is_none_is_refused() -> None:
    assert check_device("cpu") == "cpu"
    with pytest.raises(InputError, match="device gpu: torch cannot compute on it here"):
        check_device("gpu")
