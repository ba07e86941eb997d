"""The assembly against its C twins, on an ARM executor that is not ours; and the C as compiled for ARM."""
from __future__ import annotations


import arm_kernels
import host_kernels
import numpy as np
import pytest
from host_kernels import address

INT32 = np.iinfo(np.int32)
EXTREMES = np.array([INT32.min, INT32.min + 1, -65536, -32769, -1, 0, 1, 32767, 65535, 65536, INT32.max - 1, INT32.max])


@pytest.fixture(scope="module")
def elf():
    return arm_kernels.shared_elf()


@pytest.fixture(scope="module")
def machine(elf):
    return arm_kernels.ArmKernels(elf)


@pytest.fixture()
def arm(machine):
    machine.reset()
    machine.take_q()
    return machine


@pytest.fixture(scope="module")
def host():
    return host_kernels.shared()


def words(rng, shape, size):
    """Random int32 of up to about ``size``, or extremes where size is None."""
    if size is None:
        return rng.choice(EXTREMES, shape).astype(np.int32)
    return rng.integers(-size, size, shape).astype(np.int32)


def halves(rng, rows, density, size):
    x = rng.integers(-size, size, rows)
    return np.where(rng.random(rows) < density, x, 0).astype(np.int16)


#: (rows, columns, density, size of the numbers; None: extremes)
SHAPES = [
    *((rows, 8, 1.0, 2**28) for rows in range(1, 20)),
    *((rows, 16, 0.5, 2**28) for rows in (1, 2, 3, 5, 8, 9, 31, 64, 129)),
    (140, 8, 1.0, 2**28), (141, 24, 0.95, 2**28), (400, 16, 0.7, 2**28), (783, 16, 0.19, 2**28), (1000, 8, 0.4, 2**26),
    (16, 64, 0.0, 2**28), (300, 8, 0.0, 2**28), (7, 128, 1.0, 2**28), (64, 96, 0.3, 2**28), (1, 512, 1.0, 2**28),
    (12, 8, 1.0, None), (40, 16, 0.8, None), (200, 8, 0.9, None),
]


@pytest.mark.parametrize("rows, columns, density, size", SHAPES)
def test_forward(arm, host, rows, columns, density, size):
    rng = np.random.default_rng(rows * 1000 + columns)
    weights, acc = words(rng, (rows, columns), size), words(rng, columns, 2**20 if size else None)
    x = halves(rng, rows, density, 2**15)
    at = [arm.put(acc), arm.put(weights), arm.put(x)]
    arm.call("dense_forward", *at, rows, columns)
    host.dense_forward_c(address(acc), address(weights), address(x), rows, columns)
    assert np.array_equal(arm.get(at[0], acc), acc)
    assert arm.take_q() == host.q_flag_read_and_clear_c()
    assert np.array_equal(arm.get(at[1], weights), weights)


@pytest.mark.parametrize("rows, columns, density, size", SHAPES)
def test_backward(arm, host, rows, columns, density, size):
    rng = np.random.default_rng(rows * 1000 + columns + 1)
    weights, d = words(rng, (rows, columns), size and size * 8 - 1), words(rng, columns, size)
    e = words(rng, rows, None)
    at = [arm.put(e), arm.put(weights), arm.put(d)]
    arm.call("dense_backward", *at, rows, columns)
    host.dense_backward_c(address(e), address(weights), address(d), rows, columns)
    assert np.array_equal(arm.get(at[0], e), e)
    assert arm.take_q() == host.q_flag_read_and_clear_c()


@pytest.mark.parametrize("rows, columns, density, size", SHAPES)
def test_gradient(arm, host, rows, columns, density, size):
    rng = np.random.default_rng(rows * 1000 + columns + 2)
    gradient, d = words(rng, (rows, columns), size), words(rng, columns, size)
    x = halves(rng, rows, density, 2**15)
    at = [arm.put(gradient), arm.put(x), arm.put(d)]
    arm.call("dense_gradient", *at, rows, columns)
    host.dense_gradient_c(address(gradient), address(x), address(d), rows, columns)
    assert np.array_equal(arm.get(at[0], gradient), gradient)
    assert arm.take_q() == host.q_flag_read_and_clear_c()


@pytest.mark.parametrize("function", ["dense_forward", "dense_gradient"])
@pytest.mark.parametrize("sign", [1, -1])
def test_q_is_set_by_one_overflow_only(arm, host, function, sign):
    """A sum at the very limit does not set it; one unit more does."""
    sums = np.full(8, INT32.max if sign > 0 else INT32.min, np.int32)
    x = np.array([sign * 2, 0, 0], np.int16)
    for step, expected in ((2**15 - 1, 0 if sign > 0 else 1), (2**15, 1)):
        arm.reset()
        factor = np.zeros(8, np.int32)
        factor[5] = step
        matrix = np.zeros((3, 8), np.int32)
        if function == "dense_forward":
            matrix[0] = factor
            at = [arm.put(sums), arm.put(matrix), arm.put(x)]
        else:
            matrix[0] = sums
            at = [arm.put(matrix), arm.put(x), arm.put(factor)]
        assert arm.call("q_flag_read_and_clear") == 0
        arm.call(function, *at, 3, 8)
        assert arm.call("q_flag_read_and_clear") == expected
        assert arm.call("q_flag_read_and_clear") == 0


def test_q_of_backward(arm):
    weights = np.full((2, 8), INT32.max, np.int32)
    for error, expected in ((2**28, 0), (INT32.max, 1)):
        arm.reset()
        at = [arm.put(np.zeros(2, np.int32)), arm.put(weights), arm.put(np.full(8, error, np.int32))]
        arm.call("dense_backward", *at, 2, 8)
        assert arm.call("q_flag_read_and_clear") == expected


@pytest.mark.parametrize("shift", range(1, 63))
def test_update(arm, host, shift):
    rng = np.random.default_rng(shift)
    for count, weight_size, gradient_size in (
            (40, 2**28, 2**20), (13, None, None), (24, None, 2**12), (8, 2**31 - 1, None), (1, 2**31 - 1, 2**31 - 1),
            (64, 2**28, 3)):
        arm.reset()
        weights, gradient = words(rng, count, weight_size), words(rng, count, gradient_size)
        gradient[rng.random(count) < 0.3] = 0
        mantissa = int(rng.choice([rng.integers(2**30, 2**31), 2**30, 2**31 - 1, 0, rng.integers(0, 2**31)]))
        at = [arm.put(weights), arm.put(gradient)]
        clips = arm.call("sgd_update", *at, count, mantissa, shift)
        assert clips == host.sgd_update_c(address(weights), address(gradient), count, mantissa, shift)
        assert np.array_equal(arm.get(at[0], weights), weights)
        assert not arm.get(at[1], gradient).any()
        assert arm.take_q() == 0, "the update must leave Q to the checked sums"


def test_update_skips_zeros(arm):
    weights = np.arange(64, dtype=np.int32)
    gradient = np.zeros(64, np.int32)
    gradient[[15, 18, 63]] = 2**20
    for shift in (31, 40):
        arm.reset()
        at = [arm.put(weights), arm.put(gradient)]
        arm.call("sgd_update", *at, 64, 2**30, shift)
        expected = weights.astype(np.int64) - ((gradient.astype(np.int64) * 2**30 + 2**(shift - 1)) >> shift)
        assert np.array_equal(arm.get(at[0], weights), expected)


def test_no_saturating_instruction(elf):
    """QADD, QSUB, QDADD, QDSUB would set Q: the compiler must not have made any."""
    code = elf.code
    suspicious = np.flatnonzero((code & 0x0f9000f0 == 0x01000050) & (code >> 28 == 14))
    assert suspicious.size == 0, [hex(4 * int(i)) for i in suspicious]


def test_functions_compiled_for_arm(arm, host):
    rng = np.random.default_rng(1)
    signed = np.concatenate([EXTREMES, rng.integers(INT32.min, INT32.max, 100), rng.integers(-2**26, 2**26, 100)])
    for a in signed.tolist():
        assert arm.call("sigma", a) == host.sigma(a)
        arm.call("tanh_31", a)
        assert arm.result_64 == host.tanh_31(a)
        assert arm.call("exp_neg", abs(a) % 2**31) == host.exp_neg(abs(a) % 2**31)
        d = 2**30 + abs(a) % (2**30 + 1)
        assert arm.call("recip", d) == host.recip(d)
        v = 2**31 + (abs(a) << int(rng.integers(0, 30)))
        assert arm.call("ln_big", v & 0xffffffff, v >> 32) == host.ln_big(v)


LOSS_CASES = [(4, 0, 0), (0, 0, 1), (4, 1, 0), (0, 1, 1), (2, 2, 0), (0, 2, 1), *((kind, 3, 0) for kind in range(5))]


@pytest.mark.parametrize("kind, loss, logits", LOSS_CASES)
def test_losses_compiled_for_arm(arm, host, kind, loss, logits):
    from dlgraph.formats import mean_rate
    rng = np.random.default_rng(kind * 10 + loss)
    for n, size in ((1, 2**24), (3, 2**25), (10, 2**26), (17, None)):
        mean = mean_rate(n)
        metric = 3 if loss >= 2 else 1 + loss
        config = np.array([kind, loss, metric, logits, mean.mantissa, mean.shift], np.uint32)
        a = words(rng, n, size)
        if loss == 0:
            target = rng.integers(0, n, 1).astype(np.int32)
        elif loss == 3:
            target = words(rng, n, size)
        else:
            target = rng.integers(0, 2**28 + 1, n).astype(np.int32)
        for training in (True, False):
            arm.reset()
            outputs, errors = np.zeros(n, np.int32), np.zeros(n, np.int32)
            clips, result = np.zeros(1, np.uint32), np.zeros(2, np.int64)
            at = [arm.put(v) for v in (result, config, a, target, outputs, errors, clips)]
            arm.call("loss_evaluate", at[0], at[1], n, at[2], at[3], at[4], at[5] if training else 0, at[6])
            expected = host.loss_evaluate(address(config), n, address(a), address(target), address(outputs),
                                          address(errors) if training else None, address(clips))
            got = arm.get(at[0], result)
            assert (got[0], got[1] & 0xffffffff) == (expected.loss, expected.n_correct)
            for place, array in ((4, outputs), (5, errors), (6, clips)):
                assert np.array_equal(arm.get(at[place], array), array)


def test_order_compiled_for_arm(arm):
    from dlgraph.order import half_bits, order, round_keys
    for n in (1, 2, 37, 1000):
        arm.reset()
        keys = arm.put(np.array(round_keys(3, 1), np.uint32))
        expected = order(n, 3, 1)
        for k in range(0, n, 7):
            assert arm.call("order_sample", k, n, half_bits(n), keys) == expected[k]


@pytest.mark.parametrize("columns", [8, 24, 128])
def test_shift_errors(arm, host, columns):
    d = words(np.random.default_rng(3), columns, None)
    expected = np.zeros(columns, np.int32)
    for s in (0, 1, 7, 31):
        arm.reset()
        out, at = arm.put(np.zeros(columns, np.int32)), arm.put(d)
        arm.call("shift_errors", out, at, columns, s)
        host.shift_errors_c(address(expected), address(d), columns, s)
        assert np.array_equal(arm.get(out, d), expected)
        assert np.array_equal(expected, d >> s)
