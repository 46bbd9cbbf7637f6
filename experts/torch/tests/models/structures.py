"""Structures that the fusing pass of experts/torch must leave as they mean.

Inputs are 3x8x8, outputs 4 classes; all but one are traced.
"""

import torch
from torch import nn
from torch.nn import functional as F

WIDTH, CLASSES, SHAPE = 6, 4, (3, 8, 8)


def conv(inputs=WIDTH, outputs=WIDTH, kernel=3, **more):
    return nn.Conv2d(inputs, outputs, kernel, **{"padding": kernel // 2, **more})


class Structure(nn.Module):
    """A convolution, what `middle` does, and a linear layer on pooled maps."""

    def __init__(self):
        super().__init__()
        self.stem = conv(3)
        self.a = conv()
        self.b = conv()
        self.head = nn.Linear(4 * WIDTH, CLASSES)
        self.setup()

    def setup(self):
        pass

    def forward(self, x):
        maps = self.middle(self.stem(x))
        return self.head(F.adaptive_avg_pool2d(maps, 2).flatten(1))


class UsedTwice(Structure):
    def middle(self, h):
        y = self.a(h)
        return torch.relu(y) - 0.5 * y


class Odd(Structure):
    """Stride, dilation, groups, no bias, an oblong kernel, padding by name."""

    def setup(self):
        self.a = conv(stride=2, dilation=2, groups=3, bias=False)
        self.b = nn.Conv2d(WIDTH, WIDTH, (1, 3), padding=(0, 1), stride=(1, 2))
        self.c = nn.Conv2d(WIDTH, WIDTH, 2, padding="same", bias=False)

    def middle(self, h):
        return torch.relu(self.c(self.b(torch.relu(self.a(h)))))


class Depthwise(Structure):
    def setup(self):
        self.a = conv(groups=WIDTH, bias=False)
        self.b = conv(kernel=1)

    def middle(self, h):
        return torch.relu(self.b(torch.relu(self.a(h))) + h)


class AddInPlace(Structure):
    """Where a later reader sees the sum, also through an alias."""

    def middle(self, h):
        part = h[:, :2]
        h += self.a(h)
        y = torch.relu(self.b(h))
        return torch.cat([y[:, 2:] * h[:, 2:], part], 1)


class ReluInPlace(Structure):
    """After a convolution has read what the ReLU overwrites."""

    def middle(self, h):
        y = self.a(h)
        h.relu_()
        return torch.relu(y) + self.b(h)


class InputInPlace(Structure):
    """The caller's tensor is overwritten between a convolution and its ReLU."""

    def setup(self):
        self.direct = conv(3)

    def forward(self, x):
        x.sub_(0.5)
        y = self.stem(x)
        x.mul_(-2)
        maps = torch.relu(y) + self.direct(x)
        return self.head(F.adaptive_avg_pool2d(maps, 2).flatten(1))


class TwoConvolutions(Structure):
    def middle(self, h):
        both = torch.relu(self.a(h) + self.b(h))
        twice = self.a(both)
        return twice + twice


class Scaled(Structure):
    """Sums that are no plain sums: alpha, a number, the operands swapped."""

    def middle(self, h):
        y = torch.relu(torch.add(self.a(h), h, alpha=2))
        z = torch.relu(torch.add(y, self.b(y), alpha=-1))
        return self.a(z) + 1


class Broadcast(Structure):
    """Sums in which either side is the smaller one."""

    def setup(self):
        self.shift = nn.Parameter(torch.rand(WIDTH, 1, 1))
        self.scalar = nn.Parameter(torch.tensor(0.25))

    def middle(self, h):
        y = torch.relu(self.a(h) + self.shift)
        gate = self.b(F.adaptive_avg_pool2d(y, 1))
        return torch.relu(gate + y) + self.a(y + self.scalar)


class Gate(Structure):
    """Only the smaller side is a convolution, whatever its own shape promises."""

    def middle(self, h):
        return torch.relu(self.a(h.mean((2, 3), keepdim=True)) + h)


class Computed(Structure):
    """A weight that depends on the input, and one that is a constant once computed."""

    def middle(self, h):
        weight = self.a.weight
        standard = (weight - weight.mean()) / weight.std()
        y = torch.relu(F.conv2d(h, standard, padding=1))
        return torch.relu(F.conv2d(y, weight * h.mean(), padding=1) + y)


class Transposed(Structure):
    def setup(self):
        self.a = nn.ConvTranspose2d(WIDTH, WIDTH, 3, stride=2, padding=1)

    def middle(self, h):
        return torch.relu(self.a(h))


class Branch(Structure):
    """Scripted: a convolution within a branch, what follows it outside."""

    def forward(self, x):
        h = self.stem(x)
        y = self.a(h)
        if bool(h.mean() > -100.0):
            y = y + self.b(h)
        else:
            y = torch.relu(y)
        for _ in range(2):
            h = torch.relu(self.b(h) + y)
        return self.head(F.adaptive_avg_pool2d(torch.relu(y) + h, 2).flatten(1))


class View(Structure):
    """A view that the channels-last memory format does not allow."""

    def middle(self, h):
        h = torch.relu(self.a(h))
        return h.view(h.shape[0], WIDTH, 4, 16)


class Maps(Structure):
    """No classifier: maps come out."""

    def forward(self, x):
        return self.stem(x)


class Pair(Structure):
    """No classifier: two tensors come out."""

    def forward(self, x):
        h = self.stem(x)
        return h.mean((2, 3)), h


CLASSIFIERS = {
    "used-twice": UsedTwice,
    "odd": Odd,
    "depthwise": Depthwise,
    "add-in-place": AddInPlace,
    "relu-in-place": ReluInPlace,
    "input-in-place": InputInPlace,
    "two-convolutions": TwoConvolutions,
    "scaled": Scaled,
    "broadcast": Broadcast,
    "gate": Gate,
    "computed": Computed,
    "transposed": Transposed,
    "branch": Branch,
    "view": View,
}
OTHERS = {"maps": Maps, "pair": Pair}
