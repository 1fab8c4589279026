"""Printed programs: the text says what was recorded, and it runs as such."""

import mindspore as ms
import numpy as np

from tandemclip.backends.mindspore import printing
from tandemclip.backends.mindspore.programs import Compiled
from tandemclip.backends.recorder.ops import Recorder


def printed(make, *shapes):
    recorder = Recorder()
    symbols = [recorder.input(f"x{i}", shape, "float") for i, shape in enumerate(shapes)]
    output = make(recorder, *symbols)
    text, _ = printing.source(recorder.program, [output], [])
    return [line.strip() for line in text.splitlines() if "=" in line]


def test_operators_calls_and_indices_are_written_as_python():
    assert printed(lambda o, x, y: x + y, (3,), (3,)) == ["v0_0 = i0 + i1"]
    assert printed(lambda o, x: 2.0 - x, (3,)) == ["v0_0 = 2.0 - i0"]
    assert printed(lambda o, x: -x, (3,)) == ["v0_0 = -i0"]
    assert printed(lambda o, x: x * np.float64(0.5), (3,)) == ["v0_0 = i0 * 0.5"]
    assert printed(lambda o, x: x[..., 1:, -1], (3, 4)) == ["v0_0 = i0[..., 1:, -1]"]
    assert printed(lambda o, x: x[0], (3,)) == ["v0_0 = i0[0]"]
    assert printed(lambda o, x: o.reshape(x, ()), (1,)) == ["v0_0 = reshape(i0, ())"]
    assert printed(lambda o, x: o.concat((x,), 0), (1,)) == ["v0_0 = concat((i0, ), 0)"]
    assert printed(lambda o, x: o.sum(x, (0, 1)), (1, 1)) == ["v0_0 = sum(i0, (0, 1, ), False)"]
    assert printed(lambda o, x, y: o.linear(x, y), (3, 4), (5, 4)) == ["v0_0 = linear(i0, i1, None)"]


def test_arguments_to_differentiate_by_come_first_and_constants_last():
    recorder = Recorder()
    batch = recorder.input("batch", (2,), "float")
    weight = recorder.input("weight", (2,), "float")
    output = batch * weight + recorder.constant(np.ones(2))
    text, arguments = printing.source(recorder.program, [output], ["weight"])
    assert arguments == ["weight", "batch", "c0"]
    assert "def program(i1, i0, c0):" in text


def test_two_programs_are_two_modules():
    recorder = Recorder()
    x = recorder.input("x", (2,), "float")
    programs = [printing.load(printing.source(recorder.program, [y], [])[0]) for y in (x + 1.0, x * 3.0)]
    given = ms.Tensor(np.array([1.0, 2.0], np.float32))
    assert [program(given)[0].asnumpy().tolist() for program in programs] == [[2.0, 3.0], [3.0, 6.0]]


def test_the_gradient_by_one_input_is_a_tuple_as_by_many():
    recorder = Recorder()
    x = recorder.input("x", (3,), "float")
    program = Compiled(recorder.program, [recorder.sum(x * x, 0), x + 1.0], ["x"], differentiate=True)
    for given in ([1.0, 2.0, 3.0], [0.0, -1.0, 4.0]):
        (value, moved), (gradient,) = program({"x": ms.Tensor(given, ms.float32)})
        assert value.asnumpy() == np.square(given).sum()
        assert moved.asnumpy().tolist() == [g + 1 for g in given]
        assert gradient.asnumpy().tolist() == [2 * g for g in given]


def test_a_constant_is_an_argument_of_the_compiled_function():
    recorder = Recorder()
    x = recorder.input("x", (2,), "float")
    program = Compiled(recorder.program, [x + recorder.constant(np.array([1.0, 2.0]))])
    given = {"x": ms.Tensor([0.0, 0.0], ms.float32)}
    assert program(given)[0].asnumpy().tolist() == [1.0, 2.0]
    program.constants["c0"] = ms.Tensor([5.0, 6.0], ms.float32)  # what is baked in would not follow
    assert program(given)[0].asnumpy().tolist() == [5.0, 6.0]
