/* What the kernels' headers define inline, as functions that a test can call. */
#include "activations.h"

int16_t call_activate(uint32_t activation, int32_t a, uint32_t fraction, uint16_t *derivative, uint32_t *saturations);
int32_t call_unit_error(uint32_t activation, int32_t e, uint16_t derivative, uint32_t *saturations);

int16_t call_activate(uint32_t activation, int32_t a, uint32_t fraction, uint16_t *derivative, uint32_t *saturations)
{
    return activate(activation, a, fraction, derivative, saturations);
}

int32_t call_unit_error(uint32_t activation, int32_t e, uint16_t derivative, uint32_t *saturations)
{
    return unit_error(activation, e, derivative, saturations);
}
