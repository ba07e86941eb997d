#include "optimisers.h"

#include <stdbool.h>

#include "fixed_point.h"
#include "momentum.h"
#include "optimiser_tables.h"
#include "sgd.h"

#define MANTISSA_BITS 26               /* of a mean and of a mean square; the exponent has the other 6 */
#define EXPONENT_BITS 6
#define EXPONENT_MASK ((1u << EXPONENT_BITS) - 1)
#define SQUARE_MASK ((1u << MANTISSA_BITS) - 1)
#define ROOT_FIRST 64

/* A mean gradient: mantissa * 2**(exponent - 65). */
typedef struct gradient_t {
    int32_t mantissa;                  /* fills 29 or 30 bits without the sign, unless it is 0 */
    int32_t exponent;
} gradient_t;

/* mantissa * 4**exponent * 2**-96; the mantissa fills 25 or 26 bits, unless it is 0. */
typedef struct square_t {
    uint32_t mantissa;
    int32_t exponent;
} square_t;

/* left * 2**(exponent - 66), left-aligned. */
typedef struct numerator_t {
    int32_t left;
    int32_t exponent;
} numerator_t;

/* 2**60 / mantissa and so on: 1 / x = mantissa * 2**(5 - exponent). */
typedef struct reciprocal_t {
    uint32_t mantissa;                 /* 2**29 .. 2**30 */
    int32_t exponent;
} reciprocal_t;

/* c * (b - a): a share that is a mantissa and a shift of 28 .. 58. */
typedef struct share_t {
    int32_t mantissa;
    uint32_t shift;                    /* of the upper word of the product with what is shifted left by 5 */
    int32_t half;
} share_t;

static inline uint32_t leading_zeros(uint32_t v)
{
    return v == 0 ? 32 : (uint32_t) __builtin_clz(v);
}

static inline int32_t upper_word(int32_t a, int32_t b)
{
    return (int32_t) (((int64_t) a * b) >> 32);
}

static inline uint32_t upper_word_unsigned(uint32_t a, uint32_t b)
{
    return (uint32_t) (((uint64_t) a * b) >> 32);
}

/* By 0 .. 255, which is what ARM's shifts by a register do: a compiler that knows C's only adds a comparison. */
static inline uint32_t shifted_right(uint32_t v, int32_t n)
{
#if defined(__arm__) && !defined(__thumb__)
    uint32_t result;
    __asm__("lsr %0, %1, %2" : "=r" (result) : "r" (v), "r" (n));
    return result;
#else
    return n < 32 ? v >> n : 0;
#endif
}

static inline int32_t shifted_right_signed(int32_t v, int32_t n)
{
#if defined(__arm__) && !defined(__thumb__)
    int32_t result;
    __asm__("asr %0, %1, %2" : "=r" (result) : "r" (v), "r" (n));
    return result;
#else
    return v >> (n < 31 ? n : 31);
#endif
}

/* sat32(a - b), the clip counted. */
static inline int32_t minus(int32_t a, int32_t b, uint32_t *clips)
{
    int32_t difference;
    if (__builtin_expect(__builtin_sub_overflow(a, b, &difference), 0)) {
        (*clips)++;
        return a < 0 ? INT32_MIN : INT32_MAX;
    }
    return difference;
}

/* sat32(a + b), the clip counted. */
static inline int32_t plus(int32_t a, int32_t b, uint32_t *clips)
{
    int32_t sum;
    if (__builtin_expect(__builtin_add_overflow(a, b, &sum), 0)) {
        (*clips)++;
        return a < 0 ? INT32_MIN : INT32_MAX;
    }
    return sum;
}

static share_t share_of(int32_t mantissa, uint32_t shift)
{
    return (share_t) {mantissa, shift - 27, (int32_t) (1u << (shift - 28))};
}

/* round(difference * mantissa, shift), |difference| < 2**26 */
static inline int32_t share_times(share_t share, int32_t difference)
{
    return (upper_word((int32_t) ((uint32_t) difference << 5), share.mantissa) + share.half) >> share.shift;
}

/* ------------------------------------------------------------------ momentum */

/* v * momentum, towards zero: what is kept of a momentum dies out. */
static inline int32_t times_momentum(int32_t v, int32_t momentum)
{
    int64_t product = (int64_t) v * momentum;
    product += (product >> 63) & ((1 << MOMENTUM_FRACTION) - 1);
    return (int32_t) (product >> MOMENTUM_FRACTION);
}

/* kept = kept * momentum - descended, and what of it goes to the parameter, in 64 bits. */
static inline int64_t momentum_move(int32_t *kept, int64_t descended, int32_t momentum, bool nesterov, uint32_t *clips)
{
    *kept = saturate32(times_momentum(*kept, momentum) - descended, clips);
    return nesterov ? times_momentum(*kept, momentum) - descended : *kept;
}

/*
 * The step of gradient descent is the upper word of a product, rounded and shifted: where the shift is 33 and more at once,
 * below it of the gradient shifted left to make it 33, and in 64 bits where that does not fit 32.
 */
static inline uint32_t momentum_loop(const optimiser_t *optimiser, const optimiser_step_t *step, int32_t *parameters,
        int32_t *gradient, int32_t *momenta, uint32_t count, bool nesterov)
{
    uint32_t clips = 0;
    int32_t momentum = optimiser->momentum;
    int32_t mantissa = step->mantissa;
    uint32_t left = step->shift < 33 ? 33 - (uint32_t) step->shift : 0;
    uint32_t right = (uint32_t) step->shift + left - 32;
    int32_t half = (int32_t) (1u << (right - 1));
    for (uint32_t i = 0; i < count; i++) {
        int32_t kept = momenta[i];
        int32_t sum = gradient[i];
        if ((sum | kept) == 0) {
            continue;
        }
        gradient[i] = 0;
        int32_t shifted = left < 32 ? (int32_t) ((uint32_t) sum << left) : 0;
        if (__builtin_expect(left > 31 || shifted >> left != sum, 0)) {
            int64_t descended = round_shift64((int64_t) sum * mantissa, (uint32_t) step->shift);
            int64_t move = momentum_move(&kept, descended, momentum, nesterov, &clips);
            parameters[i] = saturate32(parameters[i] + round_shift64(move, MOMENTUM_EXTRA), &clips);
        } else {
            int32_t descended = (upper_word(shifted, mantissa) + half) >> right;
            if (nesterov) {
                int64_t move = momentum_move(&kept, descended, momentum, true, &clips);
                parameters[i] = saturate32(parameters[i] + round_shift64(move, MOMENTUM_EXTRA), &clips);
            } else {
                kept = minus(times_momentum(kept, momentum), descended, &clips);
                parameters[i] = plus(parameters[i], round_shift32(kept, MOMENTUM_EXTRA), &clips);
            }
        }
        momenta[i] = kept;
    }
    return clips;
}

typedef uint32_t momentum_function(int32_t *, int32_t *, int32_t *, const momentum_step_t *, uint32_t);
typedef uint32_t magnitude_function(const int32_t *, uint32_t);

static __attribute__((noinline)) uint32_t with_momentum(const optimiser_t *optimiser, const optimiser_step_t *step, int32_t *parameters,
        int32_t *gradient, int32_t *state, uint32_t count, momentum_function *usual,
        magnitude_function *magnitude_of)
{
    if (optimiser->flags & OPTIMISER_NESTEROV) {
        return momentum_loop(optimiser, step, parameters, gradient, state, count, true);
    }
    uint32_t left = step->shift < 33 ? 33 - (uint32_t) step->shift : 0;
    if (left == 0 || (left < 31 && magnitude_of(gradient, count) >> (31 - left) == 0)) {
        uint32_t right = (uint32_t) step->shift + left - 32;
        momentum_step_t how = {optimiser->momentum, step->mantissa, (int32_t) (1u << (right - 1)), right, left};
        return usual(parameters, gradient, state, &how, count);
    }
    return momentum_loop(optimiser, step, parameters, gradient, state, count, false);
}

/* ------------------------------------------------------------------ Adam and RMSprop */

static inline gradient_t mean_gradient(int32_t sum, const optimiser_step_t *step)
{
    uint32_t n = leading_zeros((uint32_t) (sum ^ (sum >> 31))) - 1;
    int32_t h = upper_word((int32_t) ((uint32_t) sum << n), step->scale_mantissa);
    return (gradient_t) {h - (h >> 31), step->scale_exponent - (int32_t) n};
}

/* The word of a signed mean after mean += share * (gradient - mean), and its value. */
static inline int32_t mean_update(int32_t word, gradient_t g, share_t share, numerator_t *mean)
{
    int32_t exponent_before = (int32_t) ((uint32_t) word & EXPONENT_MASK);
    int32_t exponent = g.exponent > exponent_before ? g.exponent : exponent_before;
    int32_t a = shifted_right_signed(word >> EXPONENT_BITS, exponent - exponent_before);
    int32_t b = shifted_right_signed(g.mantissa >> 5, exponent - g.exponent);
    a += share_times(share, b - a);

    uint32_t n = leading_zeros((uint32_t) (a ^ (a >> 31))) - 7;
    exponent -= (int32_t) n;
    if (a == 0 || exponent < 0) {
        *mean = (numerator_t) {0, 0};
        return 0;
    }
    a = (int32_t) ((uint32_t) a << (n + EXPONENT_BITS));
    *mean = (numerator_t) {a, exponent};
    return a | exponent;
}

/* The same for the mean of the gradient's square. */
static inline uint32_t square_update(uint32_t word, gradient_t g, share_t share, square_t *square)
{
    int32_t exponent_before = (int32_t) (word >> MANTISSA_BITS);
    int32_t exponent = g.exponent > exponent_before ? g.exponent : exponent_before;
    uint32_t a = shifted_right(word & SQUARE_MASK, 2 * (exponent - exponent_before));
    uint32_t b = shifted_right((uint32_t) upper_word(g.mantissa, g.mantissa) >> 2, 2 * (exponent - g.exponent));
    a += (uint32_t) share_times(share, (int32_t) (b - a));

    uint32_t n = (leading_zeros(a) - 6) >> 1;
    exponent -= (int32_t) n;
    if (a == 0 || exponent < 0) {
        *square = (square_t) {0, 0};
        return 0;
    }
    a <<= 2 * n;
    *square = (square_t) {a, exponent};
    return a | (uint32_t) exponent << MANTISSA_BITS;
}

static inline square_t square_of_word(uint32_t word)
{
    return (square_t) {word & SQUARE_MASK, (int32_t) (word >> MANTISSA_BITS)};
}

/* sqrt(mantissa) * 2**17 for a mantissa of 25 or 26 bits: 2**29 .. 2**30. */
static inline uint32_t root(uint32_t mantissa)
{
    const uint32_t *entry = root_table + (mantissa >> 18) - ROOT_FIRST;
    return entry[0] + upper_word_unsigned(entry[1] - entry[0], mantissa << 14);
}

/* 2**60 / v for v = 2**30 .. 2**31 - 1. */
static inline uint32_t reciprocal(uint32_t v)
{
    const uint32_t *entry = reciprocal_table + ((v >> 22) & 255);
    return entry[0] - upper_word_unsigned(entry[0] - entry[1], v << 10);
}

/* 1 / (sqrt(square) + epsilon) */
static inline reciprocal_t adam_divisor(square_t square, uint32_t epsilon_mantissa, int32_t epsilon_exponent)
{
    int32_t exponent = square.exponent > epsilon_exponent ? square.exponent : epsilon_exponent;
    uint32_t sum = shifted_right(epsilon_mantissa, exponent - epsilon_exponent);
    if (square.mantissa != 0) {
        sum += shifted_right(root(square.mantissa), exponent - square.exponent);
    }
    uint32_t n = leading_zeros(sum) - 1;
    return (reciprocal_t) {reciprocal(sum << n), exponent - (int32_t) n};
}

/* 1 / sqrt(square + epsilon) */
static inline reciprocal_t rmsprop_divisor(square_t square, uint32_t epsilon_mantissa, int32_t epsilon_exponent)
{
    int32_t exponent = square.exponent > epsilon_exponent ? square.exponent : epsilon_exponent;
    uint32_t sum = shifted_right(square.mantissa, 2 * (exponent - square.exponent))
            + shifted_right(epsilon_mantissa, 2 * (exponent - epsilon_exponent));
    if (sum >> MANTISSA_BITS) {
        sum >>= 2;
        exponent++;
    }
    return (reciprocal_t) {reciprocal(root(sum) << 1), exponent - 1};
}

/* rate * u / divisor in units of what it is added to: round(left * ((rate * 1/divisor) >> 32), n), n clipped to 1 .. 62. */
static inline int64_t quotient_near(int32_t left, uint32_t p, int32_t n)
{
    return round_shift64((int64_t) left * (int32_t) p, n < 1 ? 1 : (uint32_t) n);
}

/* For n = 31 and more. */
static inline int32_t quotient(int32_t left, uint32_t p, int32_t n)
{
    if (n > 60) {
        return 0;
    }
    return (upper_word(left, (int32_t) (p << 2)) + (int32_t) (1u << (n - 31))) >> (n - 30);
}

static inline uint32_t rate_over(reciprocal_t divisor, const optimiser_step_t *step)
{
    return upper_word_unsigned((uint32_t) step->mantissa, divisor.mantissa);
}

static inline uint32_t adam_loop(const optimiser_t *optimiser, const optimiser_step_t *step, int32_t *parameters,
        int32_t *gradient, int32_t *state, uint32_t count, bool amsgrad)
{
    uint32_t clips = 0;
    uint32_t *squares = (uint32_t *) state + count;
    share_t mean_share = share_of(optimiser->mean_mantissa, optimiser->mean_shift);
    share_t square_share = share_of(optimiser->square_mantissa, optimiser->square_shift);
    uint32_t epsilon_mantissa = optimiser->epsilon_mantissa;
    int32_t epsilon_exponent = (int32_t) optimiser->epsilon_exponent;
    for (uint32_t i = 0; i < count; i++) {
        int32_t sum = gradient[i];
        if ((sum | state[i] | (int32_t) squares[i]) == 0) {
            continue;
        }
        gradient_t g = mean_gradient(sum, step);
        gradient[i] = 0;
        numerator_t mean;
        state[i] = mean_update(state[i], g, mean_share, &mean);
        square_t square;
        uint32_t word = square_update(squares[i], g, square_share, &square);
        squares[i] = word;
        if (amsgrad) {
            uint32_t *largest = squares + count + i;
            if (word > *largest) {
                *largest = word;
            }
            square = square_of_word(*largest);
        }
        if (mean.left == 0) {
            continue;
        }
        reciprocal_t divisor = adam_divisor(square, epsilon_mantissa, epsilon_exponent);
        uint32_t p = rate_over(divisor, step);
        int32_t n = divisor.exponent - mean.exponent + step->shift;
        if (__builtin_expect(n >= 31, 1)) {
            parameters[i] = minus(parameters[i], quotient(mean.left, p, n), &clips);
        } else {
            parameters[i] = saturate32(parameters[i] - quotient_near(mean.left, p, n), &clips);
        }
    }
    return clips;
}

static inline uint32_t adam_update(const optimiser_t *optimiser, const optimiser_step_t *step, int32_t *parameters,
        int32_t *gradient, int32_t *state, uint32_t count)
{
    if (optimiser->flags & OPTIMISER_AMSGRAD) {
        return adam_loop(optimiser, step, parameters, gradient, state, count, true);
    }
    return adam_loop(optimiser, step, parameters, gradient, state, count, false);
}

static inline uint32_t rmsprop_update(const optimiser_t *optimiser, const optimiser_step_t *step, int32_t *parameters,
        int32_t *gradient, int32_t *state, uint32_t count)
{
    uint32_t clips = 0;
    uint32_t *squares = (uint32_t *) state;
    int32_t *momenta = optimiser->flags & OPTIMISER_KEEPS_MOMENTUM ? state + count : (int32_t *) 0;
    share_t share = share_of(optimiser->square_mantissa, optimiser->square_shift);
    for (uint32_t i = 0; i < count; i++) {
        int32_t sum = gradient[i];
        int32_t kept = momenta == (int32_t *) 0 ? 0 : momenta[i];
        if ((sum | kept | (int32_t) squares[i]) == 0) {
            continue;
        }
        gradient_t g = mean_gradient(sum, step);
        gradient[i] = 0;
        square_t square;
        squares[i] = square_update(squares[i], g, share, &square);
        int64_t move = 0;
        if (g.mantissa != 0) {
            int32_t left = (int32_t) ((uint32_t) g.mantissa << 1);
            reciprocal_t divisor =
                    rmsprop_divisor(square, optimiser->epsilon_mantissa, (int32_t) optimiser->epsilon_exponent);
            uint32_t p = rate_over(divisor, step);
            int32_t n = divisor.exponent - g.exponent + step->shift;
            move = n >= 31 ? quotient(left, p, n) : quotient_near(left, p, n);
        }
        if (momenta != (int32_t *) 0) {
            kept = saturate32(times_momentum(kept, optimiser->momentum) + move, &clips);
            momenta[i] = kept;
            move = round_shift32(kept, MOMENTUM_EXTRA);
        }
        parameters[i] = saturate32(parameters[i] - move, &clips);
    }
    return clips;
}

/* ------------------------------------------------------------------ all of them */

/* parameter -= round(parameter * mantissa, shift); the share is at most 1, so nothing is clipped. */
static void decay(int32_t *parameters, uint32_t count, int32_t mantissa, uint32_t shift)
{
    if (shift >= 33) {
        int32_t half = (int32_t) (1u << (shift - 33));
        for (uint32_t i = 0; i < count; i++) {
            parameters[i] -= (upper_word(parameters[i], mantissa) + half) >> (shift - 32);
        }
    } else {
        for (uint32_t i = 0; i < count; i++) {
            parameters[i] -= (int32_t) round_shift64((int64_t) parameters[i] * mantissa, shift);
        }
    }
}

#ifdef __arm__
__attribute__((target("thumb")))           /* asked once in a batch; unlike the rest of this file it loses nothing */
#endif
uint32_t optimiser_n_planes(const optimiser_t *optimiser)
{
    switch (optimiser->kind) {
    case OPTIMISER_MOMENTUM:
        return 1;
    case OPTIMISER_ADAM:
        return optimiser->flags & OPTIMISER_AMSGRAD ? 3 : 2;
    case OPTIMISER_RMSPROP:
        return optimiser->flags & OPTIMISER_KEEPS_MOMENTUM ? 2 : 1;
    default:
        return 0;
    }
}

typedef uint32_t sgd_function(int32_t *, int32_t *, uint32_t, uint32_t, uint32_t);

static inline uint32_t update(const optimiser_t *optimiser, const optimiser_step_t *step, int32_t *parameters,
        int32_t *gradient, int32_t *state, uint32_t count, sgd_function *sgd, momentum_function *momentum,
        magnitude_function *magnitude_of)
{
    if (step->decay_mantissa != 0) {
        decay(parameters, count, step->decay_mantissa, step->decay_shift);
    }
    if (OPTIMISER_CAN(OPTIMISER_MOMENTUM) && optimiser->kind == OPTIMISER_MOMENTUM) {
        return with_momentum(optimiser, step, parameters, gradient, state, count, momentum, magnitude_of);
    }
    if (OPTIMISER_CAN(OPTIMISER_ADAM) && optimiser->kind == OPTIMISER_ADAM) {
        return adam_update(optimiser, step, parameters, gradient, state, count);
    }
    if (OPTIMISER_CAN(OPTIMISER_RMSPROP) && optimiser->kind == OPTIMISER_RMSPROP) {
        return rmsprop_update(optimiser, step, parameters, gradient, state, count);
    }
    if (OPTIMISER_CAN(OPTIMISER_SGD)) {
        return sgd(parameters, gradient, count, (uint32_t) step->mantissa, (uint32_t) step->shift);
    }
    return 0;
}

#ifdef __arm__
uint32_t optimiser_update(const optimiser_t *optimiser, const optimiser_step_t *step, int32_t *parameters,
        int32_t *gradient, int32_t *state, uint32_t count)
{
    return update(optimiser, step, parameters, gradient, state, count, sgd_update, momentum_update, words_magnitude);
}
#endif

uint32_t optimiser_update_c(const optimiser_t *optimiser, const optimiser_step_t *step, int32_t *parameters,
        int32_t *gradient, int32_t *state, uint32_t count)
{
    return update(optimiser, step, parameters, gradient, state, count, sgd_update_c, momentum_update_c, words_magnitude_c);
}
