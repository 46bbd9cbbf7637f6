#!/usr/bin/env python3
"""Small TorchScript models for the conformance suite: inputs 1x8x8, 5 classes.

Written with torch 2.11; run from anywhere, writes beside itself. Weights come
from a fixed seed.
"""

import os

import torch
from torch import nn

HERE = os.path.dirname(os.path.abspath(__file__))
CLASSES = 5


class Small(nn.Module):
    """What the plugin fuses: convolution, normalisation, ReLU, a residual sum."""

    def __init__(self, width=8):
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 2 * width, 3, stride=2)
        self.fc = nn.Linear(2 * width * 9, CLASSES)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)) + x)
        x = torch.relu(self.conv3(x))
        return self.fc(x.flatten(1))


class Ties(nn.Module):
    """Classes 1 and 3 hold one number, above all others."""

    def __init__(self, small):
        super().__init__()
        self.small = small

    def forward(self, x):
        logits = self.small(x)
        top = logits.abs().amax(1, keepdim=True) + 1
        return torch.cat([-top, top, logits[:, 2:3], top, logits[:, 4:]], dim=1)


class NotFinite(nn.Module):
    """Class 2 is NaN for every input."""

    def __init__(self, small):
        super().__init__()
        self.small = small

    def forward(self, x):
        logits = self.small(x)
        nan = torch.full_like(logits[:, 2:3], float("nan"))
        return torch.cat([logits[:, :2], nan, logits[:, 3:]], dim=1)


def small(width=8):
    torch.manual_seed(25)
    model = Small(width)
    for norm in (model.bn1, model.bn2):
        norm.running_mean.uniform_(-0.2, 0.2)
        norm.running_var.uniform_(0.5, 1.5)
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.uniform_(norm.bias, -0.2, 0.2)
    centre(model.eval())
    return model


def centre(model):
    """Moves the classes' means together, so that votes vary between inputs."""
    with torch.no_grad():
        logits = model(torch.rand(512, 1, 8, 8) + 0.25 * torch.randn(512, 1, 8, 8))
        model.fc.bias -= logits.mean(0)


def save(model, name):
    with torch.no_grad():
        traced = torch.jit.trace(model.eval(), torch.rand(2, 1, 8, 8))
    traced.save(os.path.join(HERE, name + ".pt"))


save(small(), "small")
save(Ties(small(4)), "ties")
save(NotFinite(small(4)), "nan")
