/* SPDX-License-Identifier: Apache-2.0
 * The data regions of this core. */
#include <debug.h>
#include <data_specification.h>
#include <runtime.h>

#define MAGIC_NUMBER 0xad130ad6u
#define VERSION 0x00010000u
#define N_REGIONS 32u

static uint32_t sum_of_words(const uint32_t *words, uint32_t n_words)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < n_words; i++) {
        sum += words[i];
    }
    return sum;
}

/* The host does not renew the sums when it reloads a region, so each is compared
 * once and then taken back. */
static void check(uint32_t index, region_desc_t *region)
{
    if (region->pointer == NULL || region->n_words == 0) {
        return;
    }
    uint32_t sum = sum_of_words(region->pointer, region->n_words);
    if (sum != region->checksum) {
        runtime_fail("data region %u at 0x%08x: checksum 0x%08x, expected 0x%08x",
                     index, (uint) region->pointer, sum, region->checksum);
    }
    region->checksum = 0;
    region->n_words = 0;
}

data_specification_metadata_t *data_specification_get_data_address(void)
{
    data_specification_metadata_t *table =
            (data_specification_metadata_t *) sark.vcpu->user0;

    if (table != NULL && table->magic_number == MAGIC_NUMBER) {
        for (uint32_t i = 0; i < N_REGIONS; i++) {
            check(i, &table->regions[i]);
        }
    }
    return table;
}

bool data_specification_read_header(data_specification_metadata_t *ds_regions)
{
    if (ds_regions == NULL || ds_regions->magic_number != MAGIC_NUMBER) {
        log_error("no data regions at 0x%08x", (uint) ds_regions);
        return false;
    }
    if (ds_regions->version != VERSION) {
        log_error("data regions have version 0x%08x, expected 0x%08x",
                  ds_regions->version, VERSION);
        return false;
    }
    return true;
}
