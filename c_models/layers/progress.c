#include "progress.h"

#include "runtime.h"

static uint32_t ip_tag;
static uint32_t interval;
static uint32_t last_told;

void progress_start(uint32_t tag, uint32_t cycles)
{
    ip_tag = tag;
    interval = cycles;
    last_told = runtime_cycles();
}

void progress_tell(uint32_t samples_done, const pass_result_t *so_far)
{
    if (interval == 0 || runtime_cycles() - last_told < interval) {
        return;
    }
    last_told = runtime_cycles();
    progress_t message = {samples_done, so_far->loss_low, so_far->loss_high, so_far->n_correct};
    /* A message that cannot be sent is dropped: the next one says more. */
    (void) runtime_send_to_host(ip_tag, &message, sizeof(message));
}
