/*
 * The update of parameters at the end of a batch, by the rule of an optimiser; formulas and formats: docs/arithmetic.rst.
 *
 * It works on any array: parameters and the sums of their gradients side by side, and behind each other the planes of what
 * the optimiser keeps of every parameter.  The host tells in the parameters of a pass (dlgraph/update_words.py makes them):
 *
 *   optimiser_t       what holds in every step
 *   optimiser_step_t  what differs from step to step: one for every batch
 *
 * A vertex claims optimiser_n_planes(&optimiser) planes of `count` words, which start as zeros or as the host has them, and
 * calls optimiser_update() once per batch with the step of that batch.
 */
#ifndef OPTIMISERS_H
#define OPTIMISERS_H

#include <stdint.h>

/* dlgraph.optimisers.OptimiserKind has the same numbers. */
enum optimiser_kind {
    OPTIMISER_SGD = 0,
    OPTIMISER_MOMENTUM = 1,
    OPTIMISER_ADAM = 2,
    OPTIMISER_RMSPROP = 3,
};

/* What a binary can do, as 1 << kind of each: ITCM does not hold all of them beside a convolution. */
#ifndef OPTIMISER_KINDS
#define OPTIMISER_KINDS 15
#endif
#define OPTIMISER_CAN(kind) ((OPTIMISER_KINDS) >> (kind) & 1)

enum optimiser_flags {
    OPTIMISER_NESTEROV = 1,
    OPTIMISER_AMSGRAD = 2,
    OPTIMISER_KEEPS_MOMENTUM = 4,  /* RMSprop with momentum */
};

typedef struct optimiser_t {
    uint32_t kind;
    uint32_t flags;
    int32_t momentum;              /* the factor, fraction 30 */
    int32_t mean_mantissa;         /* 1 - beta_1 = mean_mantissa / 2**mean_shift */
    uint32_t mean_shift;           /* 28 .. 58 */
    int32_t square_mantissa;       /* 1 - beta_2, or 1 - rho */
    uint32_t square_shift;         /* 28 .. 58 */
    uint32_t epsilon_mantissa;     /* Adam: of a root; RMSprop: of a square */
    uint32_t epsilon_exponent;     /* 0 .. 63 */
} optimiser_t;

typedef struct optimiser_step_t {
    int32_t mantissa;              /* of the rate */
    int32_t shift;                 /* SGD: rate = mantissa / 2**shift, 1 .. 62; Adam and RMSprop: added to the exponents */
    int32_t decay_mantissa;        /* share taken off a parameter, at most 1; 0: none */
    uint32_t decay_shift;          /* 30 .. 62 */
    int32_t scale_mantissa;        /* Adam, RMSprop: mean gradient of a sum, 2**30 .. 2**31, or 0 */
    int32_t scale_exponent;        /* 31 .. 63 */
} optimiser_step_t;

/* Words that the optimiser keeps of every parameter. */
uint32_t optimiser_n_planes(const optimiser_t *optimiser);

/*
 * Updates `count` parameters and what is kept of them; the gradient is zero afterwards.
 *
 * state: planes of `count` words, one behind the other; not looked at where there are none.
 * Returns how many numbers were clipped.
 */
uint32_t optimiser_update(const optimiser_t *optimiser, const optimiser_step_t *step, int32_t *parameters,
        int32_t *gradient, int32_t *state, uint32_t count);

/* The same with nothing but C: what the assembly is compared with. */
uint32_t optimiser_update_c(const optimiser_t *optimiser, const optimiser_step_t *step, int32_t *parameters,
        int32_t *gradient, int32_t *state, uint32_t count);

#endif
