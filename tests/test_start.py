"""How a process starts: what is imported, and what is left alone until it is needed."""

import subprocess
import sys

OPTIMIZERS = """
import sys
import lecturekit
assert "torch" not in sys.modules and "fit" in dir(lecturekit)
import torch
from lecturekit import fit
from lecturekit.variational import VAE

def trained(steps):
    out = []
    for build in (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD, torch.optim.RMSprop, torch.optim.Adagrad):
        p = torch.nn.Parameter(torch.linspace(-1, 2, 7))
        optimizer = build([p], lr=0.1)
        optimizer.add_param_group({"params": [q := torch.nn.Parameter(torch.ones(2))], "lr": 0.01})
        steps(optimizer, p, q)
        restored = build([p], lr=0.1)
        restored.add_param_group({"params": [q]})
        restored.load_state_dict(optimizer.state_dict())
        steps(restored, p, q)
        assert p.requires_grad and torch.is_grad_enabled()
        out += [p.detach().clone(), q.detach().clone()]
    return out

def steps(optimizer, p, q):
    for _ in range(3):
        optimizer.zero_grad()
        (p.pow(4).sum() + q.sum()).backward()
        optimizer.step()

fit(VAE((3,), latent=2, hidden=(4,)), torch.ones(8, 3), epochs=2, batch_size=4, progress=False)
without = trained(steps)
assert "torch._dynamo" not in sys.modules, "an optimizer has imported torch.compile's machinery"

import torch._dynamo
after = trained(steps)
compiled = trained(torch.compile(steps, backend="eager"))
for a, b, c in zip(without, after, compiled, strict=True):
    assert torch.equal(a, b) and not torch.equal(a, torch.ones_like(a))
    torch.testing.assert_close(a, c)  # torch's own compiled optimizers round otherwise
print("done")
"""


def test_torch_is_imported_when_asked_for_and_optimizers_do_without_a_compiler_until_there_is_one():
    done = subprocess.run([sys.executable, "-c", OPTIMIZERS], capture_output=True, text=True, check=False)
    assert done.stdout == "done\n", done.stderr


def test_names_that_are_not_there():
    import lecturekit

    try:
        lecturekit.nothing  # noqa: B018
    except AttributeError as error:
        assert "no attribute 'nothing'" in str(error)
    else:
        raise AssertionError
    assert set(lecturekit.__all__) <= set(dir(lecturekit)) and all(hasattr(lecturekit, n) for n in lecturekit.__all__)
