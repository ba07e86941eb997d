/* Outputs, losses, errors and accuracy of the output layer, one sample at a time. */
#ifndef LOSSES_H
#define LOSSES_H

#include <stdint.h>

#include "activations.h"

/* dlgraph/layer_graph.py has the same numbers. */
enum loss {
    LOSS_SPARSE_CATEGORICAL_CROSSENTROPY = 0,
    LOSS_CATEGORICAL_CROSSENTROPY = 1,
    LOSS_BINARY_CROSSENTROPY = 2,
    LOSS_MEAN_SQUARED_ERROR = 3,
};

enum metric {
    METRIC_NONE = 0,
    METRIC_SPARSE_CATEGORICAL_ACCURACY = 1,
    METRIC_CATEGORICAL_ACCURACY = 2,
    METRIC_BINARY_ACCURACY = 3,
};

typedef struct loss_config_t {
    uint32_t activation;           /* enum activation */
    uint32_t loss;                 /* enum loss */
    uint32_t metric;               /* enum metric */
    uint32_t from_logits;
    uint32_t mean_mantissa;        /* 1/n as a rate */
    uint32_t mean_shift;
} loss_config_t;

typedef struct loss_result_t {
    int64_t loss;                  /* fraction 23 */
    uint32_t n_correct;            /* 0 or 1; binary accuracy: outputs */
} loss_result_t;

/*
 * One sample of n outputs.
 *
 * a:       pre-activations, s8.23
 * target:  [n], fraction 28 for the cross-entropies, 23 for the mean squared error; [1], the label, for the sparse
 *          categorical cross-entropy; NULL: outputs only, the result is 0
 * outputs: [n] p, fraction 28 for softmax, sigmoid and tanh, else 23
 * errors:  [n] d, s3.28; NULL outside training: not computed, and nothing that clips in it is counted
 */
loss_result_t loss_evaluate(const loss_config_t *config, uint32_t n, const int32_t *a, const int32_t *target,
        int32_t *outputs, int32_t *errors, uint32_t *saturations);

/*
 * What a sample's weight, 0 .. 2**30 of fraction 30, makes of its loss, which is returned, and of its n errors.
 *
 * errors: NULL outside training
 */
int64_t loss_weigh(uint32_t weight, int64_t loss, uint32_t n, int32_t *errors);

#endif
