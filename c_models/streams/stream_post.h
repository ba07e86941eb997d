/*
 * Sending little by little, while other work goes on: for streams whose packets must keep a distance (stream_out_t).
 *
 * A vector is posted; then streams_post_some(), called often, sends what is due.  It must not change before it has gone.
 * Several may be on their way at once, each by a post of its own.
 */
#ifndef STREAM_POST_H
#define STREAM_POST_H

#include <stdbool.h>
#include <stdint.h>

struct stream_out_t;

/* What a link holds. */
#define POST_MAX_BURST 4

/* A vector on its way. */
typedef struct post_t {
    uint32_t burst;                        /* packets that may follow each other at once where some are overdue, at least 1 */
    struct stream_out_t *stream;           /* NULL: nothing */
    uint32_t kind;
    uint32_t sample;
    const uint32_t *vector;
    const uint32_t *at;                    /* the next word */
    const uint32_t *end;                   /* of its run */
    uint32_t key;                          /* of the next word */
    uint32_t outer;                        /* the run */
    uint32_t inner;
    uint32_t fold;                         /* of the words before it */
    uint32_t count;                        /* packets sent */
    uint32_t transfer;                     /* of stream_keep */
    uint32_t due;                          /* runtime_cycles() from which the next packet may go */
    struct post_t *next;                   /* of all posts */
} post_t;

/* As streams_send_all, but later; what the post was given before goes first. */
void streams_post(post_t *post, uint32_t kind, uint32_t sample, const uint32_t *vector);

/* Sends the packets that are due, of each post a few at most; whether there will be more. */
bool streams_post_some(void);

/* Sends the rest of what the post was given, and what else is due. */
void streams_post_finish(const post_t *post);

/* Sends the rest of everything. */
void streams_post_finish_all(void);

/* As streams_wait; posts go on meanwhile. */
void streams_post_wait(void);

#endif
