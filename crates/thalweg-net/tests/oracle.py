"""ResNets of thalweg-net against PyTorch: loss, one step of SGD with momentum and weight decay, running statistics, and the time of a step.

    cargo build -p thalweg-net --example one_step
    python crates/thalweg-net/tests/oracle.py target/debug/examples/one_step [network] [batch] [threads]

Needs torch, numpy and safetensors; not part of the tests.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file, save_file


class Block(nn.Module):
    def __init__(self, inputs, filters, stride, kind):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.kind, self.stride, self.new = kind, stride, filters - inputs
        if kind == "b" and stride > 1:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, filters, 1, stride, bias=False), nn.BatchNorm2d(filters))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.kind == "plain":
            return F.relu(y)
        if self.stride > 1:
            x = self.shortcut(x) if self.kind == "b" else F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.new // 2, self.new // 2))
        return F.relu(y + x)


class ResNet(nn.Module):
    def __init__(self, depth, width, kind):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16 * width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16 * width)
        inputs = 16 * width
        for stage in range(3):
            filters = 16 * width << stage
            blocks = []
            for number in range((depth - 2) // 6):
                blocks.append(Block(inputs, filters, 2 if stage and not number else 1, kind))
                inputs = filters
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


def named(name):
    size, _, kind = name.removeprefix("resnet").partition("-")
    depth, _, width = size.partition("x")
    return ResNet(int(depth), int(width or 1), kind or "a")


def main(program, name="resnet20", batch=128, threads=1):
    batch, threads = int(batch), int(threads)
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    net = named(name)
    with torch.no_grad():
        for p in net.parameters():
            if p.ndim == 1:
                p.add_(0.1 * torch.randn_like(p))
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (batch, 3, 32, 32), dtype=np.uint8)
    labels = (np.arange(batch) % 10).astype(np.uint8)
    mean = pixels.mean((0, 2, 3), dtype=np.float64) / 255
    sd = pixels.std((0, 2, 3), dtype=np.float64) / 255
    exact = torch.tensor((pixels / 255.0 - mean[:, None, None]) / sd[:, None, None], dtype=torch.float64)
    x = exact.float()
    y = torch.tensor(labels.astype(np.int64))
    with tempfile.TemporaryDirectory() as folder:
        before, after, images = (os.path.join(folder, f) for f in ("before.safetensors", "after.safetensors", "images.bin"))
        described = json.dumps({"network": name, "input": [32, 32, 3], "classes": 10})
        save_file({k: v for k, v in net.state_dict().items() if v.ndim}, before, metadata={"thalweg": described})
        np.concatenate([labels[:, None], pixels.reshape(batch, -1)], axis=1).tofile(images)
        start = {k: v.clone().double() for k, v in net.state_dict().items()}

        def ours(precision, steps):
            words = [program, before, images, after, precision, steps]
            said = subprocess.run(words, check=True, capture_output=True, text=True, env={**os.environ, "RAYON_NUM_THREADS": str(threads)})
            lines = said.stdout.splitlines()
            return float(lines[0].split()[1]), load_file(after), [float(line.split()[1]) for line in lines[1:]]

        our_loss64, ours64, _ = ours("f64", "0")
        our_loss, ours32, times = ours("f32", "5")

    # the truth: the same step in double precision
    def step(net, x):
        optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
        net.train()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimiser.step()
        return loss.item(), {k: v.double() for k, v in net.state_dict().items()}

    double = named(name).double()
    double.load_state_dict(start)
    true_loss, true = step(double, exact)
    torch_loss, theirs = step(net, x)
    losses = [abs(loss / true_loss - 1) for loss in (our_loss64, our_loss, torch_loss)]
    worst = [0.0, 0.0, 0.0]
    for key, value in true.items():
        if value.ndim == 0:
            continue
        moved = (value - start[key].reshape(value.shape)).norm().item()
        for k, found in enumerate((ours64, ours32, theirs)):
            worst[k] = max(worst[k], (found[key].double().reshape(value.shape) - value).norm().item() / moved)
    print(f"{name}, batch {batch}, against torch in f64: thalweg f64, thalweg f32, torch f32")
    print("relative error of the loss", *(f"{x:.1e}" for x in losses))
    # in f32 a unit at a kink may be on its other side
    print("one step, largest relative error of the change of a tensor", *(f"{x:.1e}" for x in worst))

    optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    for layout in ("contiguous", "channels last"):
        if layout == "channels last":
            net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
        theirs = []
        for _ in range(6):
            begin = time.perf_counter()
            optimiser.zero_grad()
            F.cross_entropy(net(x), y).backward()
            optimiser.step()
            theirs.append(time.perf_counter() - begin)
        print(f"torch, {layout}, {threads} threads: {min(theirs[1:]):.3f} s a step at best, median {np.median(theirs[1:]):.3f}")
    print(f"thalweg, {threads} threads: {min(times):.3f} s a step at best, median {np.median(times):.3f}")
    assert losses[0] < 1e-12 and worst[0] < 1e-9 and losses[1] < 1e-6 and worst[1] < 2e-2, "not the same step"


main(*sys.argv[1:])
