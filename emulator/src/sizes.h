/* How many of what there is. */
#ifndef SPINNEMU_SIZES_H
#define SPINNEMU_SIZES_H

#define MAX_CHIPS 144u
#define MAX_BOARDS 3u
#define CORES 18u                            /* of one chip */
#define LINKS 6u
#define OUTPUTS (LINKS + CORES)              /* of one router: links, then cores; its inputs likewise */
#define SYSRAM_BYTES (32u * 1024u)
#define SDRAM_BYTES (128u * 1024u * 1024u)
#define SDRAM_BLOCK_SHIFT 16                 /* SDRAM in use is known in blocks of 64 KB */
#define SDRAM_BLOCKS (SDRAM_BYTES >> SDRAM_BLOCK_SHIFT)
#define CHIP_WORDS ((MAX_CHIPS + 63u) / 64u)   /* of a bit per chip */
#define NEVER UINT64_MAX

#endif
