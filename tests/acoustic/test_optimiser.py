import torch

from pyscorer.acoustic.optimiser import AdamW


def test_steps_equal_torchs_adamw():
    torch.manual_seed(0)
    start = [torch.randn(3, 4), torch.randn(4)]
    mine = [p.clone().requires_grad_() for p in start]
    theirs = [p.clone().requires_grad_() for p in start]
    optimiser = AdamW(mine, weight_decay=0.1)
    reference = torch.optim.AdamW(
        [{"params": theirs[:1], "weight_decay": 0.1}, {"params": theirs[1:], "weight_decay": 0.0}],
        lr=0.01,
        betas=(0.9, 0.98),
    )
    for _ in range(5):
        x = torch.randn(3)
        for weight, bias in (mine, theirs):
            (x @ weight + bias).square().sum().backward()
        norm = optimiser.step(0.01, max_gradient=1.0)
        assert norm > 1.0
        torch.nn.utils.clip_grad_norm_(theirs, 1.0)
        reference.step()
        reference.zero_grad()
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_state_goes_on_where_it_was():
    weights = [torch.ones(2).requires_grad_() for _ in range(2)]
    for weight in weights:
        optimiser = AdamW([weight], 0.0)
        for step in range(4):
            if step == 2 and weight is weights[1]:
                state = optimiser.state_dict()
                optimiser = AdamW([weight], 0.0)
                optimiser.load_state_dict(state)
            weight.square().sum().backward()
            optimiser.step(0.1, 1.0)
    torch.testing.assert_close(weights[0], weights[1], atol=0, rtol=0)
