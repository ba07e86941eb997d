/* SPDX-License-Identifier: Apache-2.0
 * The data regions that the host wrote for this core. */
#ifndef DATA_SPECIFICATION_H
#define DATA_SPECIFICATION_H

#include "common-typedefs.h"

typedef struct region_desc_t {
    void *pointer;
    uint32_t checksum; /* 32-bit sum of the words that the host wrote */
    uint32_t n_words;  /* how many; 0 = nothing to check */
} region_desc_t;

/* Table of regions at the head of a core's data. */
typedef struct data_specification_metadata_t {
    uint32_t magic_number;
    uint32_t version;
    region_desc_t regions[];
} data_specification_metadata_t;

/* The table of this core. Every region's checksum is compared; a mismatch ends
 * in a run-time error, and regions once checked are not checked again. */
data_specification_metadata_t *data_specification_get_data_address(void);

/* True if the table has the magic number and version we know. */
bool data_specification_read_header(data_specification_metadata_t *ds_regions);

static inline void *data_specification_get_region(
        uint32_t region, data_specification_metadata_t *ds_regions)
{
    return ds_regions->regions[region].pointer;
}

#endif
