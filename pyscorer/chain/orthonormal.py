"""The semi-orthogonal constraint on the factored layers of a TDNN-F."""

from torch import Tensor

from pyscorer.chain.tdnnf import Tdnnf


def constrain_orthonormal(weight: Tensor) -> None:
    """One step towards a semi-orthogonal matrix times a scale, in place.

    Kaldi's ConstrainOrthonormal with a floating scale (orthonormal-constraint=-1), section 2.3 of
    the paper: with P = M M^T and alpha^2 = tr(P P^T) / tr(P), M -= 4 nu / alpha^2 (P - alpha^2 I) M
    with nu = 1/8, halved once or twice where the singular values are spread so widely that the
    step would overshoot.
    """
    tall = weight.shape[0] > weight.shape[1]
    matrix = weight.t() if tall else weight
    p = matrix @ matrix.t()
    trace = p.trace()
    scale2 = (p * p).sum() / trace
    ratio = scale2 * p.shape[0] / trace
    speed = 0.125
    if ratio > 1.02:
        speed *= 0.5
        if ratio > 1.1:
            speed *= 0.5
    p.diagonal().sub_(scale2)
    matrix.sub_(p @ matrix, alpha=float(4.0 * speed / scale2))


def orthonormal_weights(model: Tdnnf) -> list[Tensor]:
    """The matrices that Kaldi's xconfig constrains: every `linear` and `prefinal-l`."""
    linears = [layer.linear.weight for layer in model.factored]
    prefinals = [model.prefinal_chain] if model.config.chain_output else []
    heads = [p.linear.weight for p in (*prefinals, model.prefinal_xent)]
    return [*linears, model.prefinal_l.weight, *heads]
