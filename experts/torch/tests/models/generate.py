#!/usr/bin/env python3
"""The models of the tests, with what PyTorch answers.

    generate.py                  all that is in this folder
    generate.py --resnet50 DIR   a ResNet-50 and its logits, which are too large for it
    generate.py --packages       the packages alone, which need a C++ compiler
    generate.py --cuda DIR       packages for the GPU at hand, which are not kept

Written with torch 2.11 and torchvision 0.26; run from anywhere, writes beside
itself. Weights come from fixed seeds. `small`, `ties` and `nan` are for the
conformance suite: inputs 1x8x8, 5 classes.
"""

import os
import sys

import torch
from torch import nn

import networks
import packages
import structures

HERE = os.path.dirname(os.path.abspath(__file__))
CLASSES = 5


def lattice(count, shape):
    """Inputs by a formula that the tests repeat, in units of 1/255."""
    i = torch.arange(count * shape[0] * shape[1] * shape[2], dtype=torch.int64)
    values = i * i * 7919 % 65521 % 511 - 128
    return values.reshape(count, *shape).float()


def answers(model, count, shape):
    with torch.no_grad():
        return model(lattice(count, shape) / 255)


def write_logits(path, rows):
    """Rows of (model, logits per input)."""
    with open(path, "w") as out:
        for name, logits in rows:
            for index, row in enumerate(logits):
                values = ",".join(f"{value:.9g}" for value in row.tolist())
                out.write(f"{name},{index},{values}\n")


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


def randomised(model):
    """Statistics of normalisation layers away from those of a new network."""
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.2, 0.2)
            layer.running_var.uniform_(0.5, 1.5)
            layer.num_batches_tracked.fill_(1000)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.bias, -0.2, 0.2)
    return model.eval()


def save_checkpoint(model, arch, path):
    """As locuslab/smoothing does, with the optimiser's empty momenta."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    torch.save(
        {
            "epoch": 90,
            "arch": arch,
            "state_dict": model.state_dict(),
            "optimizer": optimizer.state_dict(),
        },
        path,
    )


def resnet20():
    """Weights of 16 bits, to be small; the arithmetic is of 32."""
    torch.manual_seed(20)
    model, shape, _ = networks.build("cifar_resnet20")
    randomised(model)
    with torch.no_grad():
        logits = model(torch.rand(64, *shape) + 0.25 * torch.randn(64, *shape))
        logits = torch.cat([logits, answers(model, 64, shape)])
        fc = model[1].fc
        # Centred and spread, so that votes vary between inputs.
        centre, scale = logits.mean(0), 0.5 / (logits - logits.mean(0)).std()
        fc.weight *= scale
        fc.bias.copy_((fc.bias - centre) * scale)
    save_checkpoint(model.half(), "cifar_resnet20", os.path.join(HERE, "resnet20.pth.tar"))
    return answers(model.float(), 4, shape)


def resnet50(folder):
    torch.manual_seed(50)
    model, shape, _ = networks.build("resnet50")
    randomised(model)
    os.makedirs(folder, exist_ok=True)
    save_checkpoint(model, "resnet50", os.path.join(folder, "resnet50.pth.tar"))
    write_logits(os.path.join(folder, "logits.csv"), [("resnet50", answers(model, 1, shape))])


def structure(name, kind):
    torch.manual_seed(7)
    model = kind().eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
        # Else the input hardly changes the output.
        parameter.mul_(2.5)
    logits = answers(model, 4, structures.SHAPE)
    if kind is structures.Branch:
        compiled = torch.jit.script(model)
    else:
        # What is traced with two inputs must not depend on their number.
        compiled = torch.jit.trace(model, torch.rand(2, *structures.SHAPE))
    compiled.save(os.path.join(HERE, f"structure-{name}.pt"))
    return logits


def everything():
    save(small(), "small")
    save(Ties(small(4)), "ties")
    save(NotFinite(small(4)), "nan")
    write_logits(os.path.join(HERE, "resnet20.csv"), [("resnet20", resnet20())])
    for name, kind in structures.OTHERS.items():
        structure(name, kind)
    kinds = structures.CLASSIFIERS.items()
    rows = [(name, structure(name, kind)) for name, kind in kinds]
    write_logits(os.path.join(HERE, "structures.csv"), rows)


def compiled():
    # Batches are at least 16 where PyTorch finds that its code is right for those only.
    example = torch.rand(64, 1, 8, 8)
    for name, model in conforming():
        packages.write(model, example, os.path.join(HERE, name + ".pt2"), dynamic=True)
    packages.write(small(), example[:24], os.path.join(HERE, "fixed.pt2"), dynamic=False)


def compiled_for_cuda(folder):
    os.makedirs(folder, exist_ok=True)
    for name, model in conforming():
        packages.write_for_cuda(model, torch.rand(64, 1, 8, 8), os.path.join(folder, name + ".pt2"))


def conforming():
    return [("small", small()), ("ties", Ties(small(4))), ("nan", NotFinite(small(4)))]


def main():
    match sys.argv[1:]:
        case []:
            everything()
            compiled()
        case ["--resnet50", folder]:
            resnet50(folder)
        case ["--packages"]:
            compiled()
        case ["--cuda", folder]:
            compiled_for_cuda(folder)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
