"""A value whose gradient was computed with it, so that nothing of a large array has to wait for the backward pass."""


def carried(ops, value, inputs, gradients):
    """`value`, a scalar, with `gradients` as its gradient by `inputs`: arrays of equal shapes, pair by pair.

    The sum of x gradient is added and taken away again: its gradient is the one that is given, and its value is 0.
    """
    total = 0.0
    for x, gradient in zip(inputs, gradients):
        product = x * ops.stop_gradient(gradient)
        total = total + (ops.sum(product, tuple(range(len(x.shape)))) if x.shape else product)
    return ops.stop_gradient(value) + (total - ops.stop_gradient(total))
