#include "unit_chain.h"

#include "dropout.h"
#include "image.h"
#include "pooling.h"
#include "runtime.h"
#include "stream_layout.h"
#include "unit_ops.h"
#include "vertex.h"
#include "words_clear.h"

#define OPERATION_ARGUMENTS 8

/* vertices/unit_chain.py writes it; behind it, of average pooling: shares. */
typedef struct operation_config_t {
    uint32_t kind;
    image_t in;
    image_t out;
    uint32_t n_in;                         /* elements */
    uint32_t n_out;
    /*
     * activation: activation, slope, fraction in, fraction out
     * dropout:    threshold, mantissa, shift, first unit, unit line, unit pitch, number of the layer
     * pooling:    window rows, columns, stride rows, columns, first row, column, fewest cells, number of shares
     */
    uint32_t argument[OPERATION_ARGUMENTS];
} operation_config_t;

typedef struct operation_t {
    operation_config_t config;
    const share_t *shares;
    int16_t *values;                       /* of pooling: [n_out] */
    int32_t *errors;                       /* of pooling: [n_in], s7.24 */
    uint16_t *kept;                        /* [slot]: derivatives [n_in], or winners [n_out] */
} operation_t;

static operation_t operations[VERTEX_MAX_OPERATIONS];
static uint32_t n_operations;
static bool overflowed;

static const share_t *read_shares(const uint32_t **words, uint32_t n)
{
    uint32_t n_words = n * (sizeof(share_t) / sizeof(uint32_t));
    share_t *shares = vertex_claim(n_words * sizeof(uint32_t));
    vertex_copy_words((uint32_t *) shares, *words, n_words);
    *words += n_words;
    return shares;
}

static void claim(operation_t *operation, const uint32_t **words)
{
    const operation_config_t *config = &operation->config;
    if (!CHAIN_CAN(config->kind)) {
        runtime_fail("no operation %u here", config->kind);
    }
    uint32_t n_slots = stream_layout.slot_mask + 1;
    switch (config->kind) {
    case OPERATION_ACTIVATION:
        operation->kept = vertex_claim(n_slots * config->n_in * sizeof(uint16_t));
        break;
    case OPERATION_AVERAGE:
        operation->shares = read_shares(words, config->argument[7]);
        break;
    case OPERATION_MAXIMUM:
        operation->kept = vertex_claim(n_slots * config->n_out * sizeof(uint16_t));
        break;
    default:
        break;
    }
    if (config->kind == OPERATION_AVERAGE || config->kind == OPERATION_MAXIMUM) {
        operation->values = vertex_claim(config->n_out * sizeof(int16_t));
        words_clear((uint32_t *) operation->values, config->n_out / 2);
        operation->errors = vertex_claim(config->n_in * sizeof(int32_t));
        words_clear((uint32_t *) operation->errors, config->n_in);
    }
}

const uint32_t *chain_prepare(const uint32_t *words)
{
    n_operations = *words++;
    for (uint32_t i = 0; i < n_operations; i++) {
        vertex_copy_words((uint32_t *) &operations[i].config, words, sizeof(operation_config_t) / sizeof(uint32_t));
        words += sizeof(operation_config_t) / sizeof(uint32_t);
        claim(&operations[i], &words);
    }
    return words;
}

static uint16_t *kept_of(const operation_t *operation, uint32_t sample)
{
    const operation_config_t *config = &operation->config;
    uint32_t n = config->kind == OPERATION_ACTIVATION ? config->n_in : config->n_out;
    return operation->kept + (sample & stream_layout.slot_mask) * n;
}

static pooling_t pooling_of(const operation_t *operation)
{
    const uint32_t *argument = operation->config.argument;
    return (pooling_t) {operation->config.in, operation->config.out, argument[0], argument[1], argument[2], argument[3],
            (int32_t) argument[4], (int32_t) argument[5], argument[6], operation->shares};
}

static dropout_t dropout_of(const uint32_t *argument)
{
    return (dropout_t) {argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]};
}

/* The hash of seed, epoch, layer and sample. */
static uint32_t dropout_hash(uint32_t layer, uint32_t sample)
{
    uint32_t h = hash_step(HASH_START, pass.seed);
    h = hash_step(h, pass.epoch);
    h = hash_step(h, DROPOUT_PURPOSE + layer);
    return hash_step(h, vertex_data_index(sample));
}

/* Pixel by pixel, as what fills up pairs must stay zero. */
static void activate_pixels(const operation_config_t *config, int16_t *x, uint16_t *derivative, uint32_t *saturations)
{
    const image_t *image = &config->in;
    for (uint32_t row = 0; row < image->rows; row++) {
        for (uint32_t column = 0; column < image->columns; column++) {
            uint32_t i = row * image->line + column * image->pitch;
            activate_values(config->argument[0], config->argument[1], x + i, image->channels, config->argument[2],
                    config->argument[3], x + i, derivative + i, saturations);
        }
    }
}

static void drop(const operation_config_t *config, uint32_t sample, int16_t *x, uint32_t *saturations)
{
    if (CHAIN_CAN(OPERATION_DROPOUT) && pass.training) {
        dropout_t dropout = dropout_of(config->argument);
        dropout_forward(&dropout, dropout_hash(config->argument[6], sample), &config->in, x, x, saturations);
    }
}

static void drop_errors(const operation_config_t *config, uint32_t sample, int32_t *e, uint32_t *saturations)
{
    if (CHAIN_CAN(OPERATION_DROPOUT)) {
        dropout_t dropout = dropout_of(config->argument);
        dropout_backward(&dropout, dropout_hash(config->argument[6], sample), &config->in, e, e, saturations);
    }
}

static int16_t *pool(operation_t *operation, uint32_t sample, const int16_t *x)
{
    pooling_t pooling = pooling_of(operation);
    if (CHAIN_CAN(OPERATION_AVERAGE) && operation->config.kind == OPERATION_AVERAGE) {
        pooling_average(&pooling, x, operation->values);
    } else if (CHAIN_CAN(OPERATION_MAXIMUM)) {
        pooling_maximum(&pooling, x, operation->values, kept_of(operation, sample));
    }
    return operation->values;
}

static int32_t *pool_errors(operation_t *operation, uint32_t sample, const int32_t *e)
{
    pooling_t pooling = pooling_of(operation);
    uint32_t n_too_large = 0;
    if (CHAIN_CAN(OPERATION_AVERAGE) && operation->config.kind == OPERATION_AVERAGE) {
        n_too_large = pooling_average_backward(&pooling, e, operation->errors);
    } else if (CHAIN_CAN(OPERATION_MAXIMUM)) {
        n_too_large = pooling_maximum_backward(&pooling, e, kept_of(operation, sample), operation->errors);
    }
    overflowed |= n_too_large != 0;
    return operation->errors;
}

int16_t *chain_forward(uint32_t sample, int16_t *values)
{
    for (uint32_t i = 0; i < n_operations; i++) {
        operation_t *operation = &operations[i];
        const operation_config_t *config = &operation->config;
        uint32_t *saturations = &result.operation_saturations[i];
        if (config->kind >= OPERATION_AVERAGE) {
            values = pool(operation, sample, values);
        } else if (config->kind == OPERATION_DROPOUT) {
            drop(config, sample, values, saturations);
        } else if (CHAIN_CAN(OPERATION_ACTIVATION)) {
            activate_pixels(config, values, kept_of(operation, sample), saturations);
        }
    }
    return values;
}

int32_t *chain_backward(uint32_t sample, int32_t *e)
{
    for (uint32_t i = n_operations; i-- > 0; ) {
        operation_t *operation = &operations[i];
        const operation_config_t *config = &operation->config;
        uint32_t *saturations = &result.operation_saturations[i];
        if (config->kind >= OPERATION_AVERAGE) {
            e = pool_errors(operation, sample, e);
        } else if (config->kind == OPERATION_DROPOUT) {
            drop_errors(config, sample, e, saturations);
        } else if (CHAIN_CAN(OPERATION_ACTIVATION)) {
            value_errors(config->argument[0], e, kept_of(operation, sample), config->n_in, e, saturations);
        }
    }
    return e;
}

bool chain_overflowed(void)
{
    bool was = overflowed;
    overflowed = false;
    return was;
}
