"""What torch computes on."""

from pyscorer.errors import InputError


def check_device(name: str) -> str:
    """The device of torch's that is named cpu, cuda, cuda:1, ... InputError where there is none."""
    import torch  # here: whoever asks for nothing but options does without it

    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # AssertionError: torch without CUDA
        said = str(error).partition("\n")[0]
        raise InputError(
            f"device {name}: torch cannot compute on it here ({said}): set device: cpu, or run "
            "where there is such a device, with a torch that knows it"
        ) from None
    return name
