#ifndef CLAIM_H
#define CLAIM_H

#include <stdint.h>

/* DTCM that lasts; ends the run if there is none left. */
void *claim_dtcm(uint32_t bytes);

#endif
