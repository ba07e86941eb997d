/* Logs of datagrams: whole ones are read to the end, and what is taken for whole says what it would say if it were written anew. */
#include "datagram_log.h"
#include "fuzz.h"
#include <stdlib.h>
#include <string.h>

#define IDENTITY 0x123456789abcdef0ull

static void nothing(void) { }

/* Whether it is whole, then the log. */
static void make(Choices *c, Input *in)
{
    char *bytes = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&bytes, &length);
    MUST(file && log_begin(file, IDENTITY));
    Input content;
    for (uint32_t n = below(c, 4); n; n--) {
        content.length = 0;
        add_datagram(c, &content);
        if (content.length > FRAME_MAX)
            content.length = FRAME_MAX;
        MUST(log_write(file, 1 + below(c, 2), below(c, MAX_BOARDS), any(c) >> (16 + below(c, 40)), content.data, content.length));
    }
    MUST(log_write(file, LOG_END, 0, any(c) >> 10, NULL, 0) && fclose(file) == 0);
    add8(in, 1);
    add_bytes(in, bytes, (uint32_t)length);
    free(bytes);
    if (one_in(c, 4))
        return;
    Input whole;
    whole.length = in->length;
    memcpy(whole.data, in->data, in->length);
    mutate(c, in, 1);
    /* what stands behind the end does not matter */
    in->data[0] = in->length >= whole.length && !memcmp(in->data + 1, whole.data + 1, whole.length - 1);
}

static void feed(const uint8_t *data, uint32_t length)
{
    if (length < 2)
        return;
    char *bytes = NULL;
    size_t again_bytes = 0;
    FILE *file = fmemopen((void *)(data + 1), length - 1, "rb"), *again = open_memstream(&bytes, &again_bytes);
    MUST(file && again && log_begin(again, IDENTITY));
    static LogRecord record;
    const char *wrong = NULL;
    bool good = log_is_of(file, IDENTITY, &wrong);
    record.kind = 0;
    while (good && record.kind != LOG_END && (good = log_read(file, &record, &wrong))) {
        MUST(record.length <= FRAME_MAX && record.kind >= LOG_FRAME && record.kind <= LOG_FAULTS);
        MUST(log_write(again, record.kind, record.board, record.at, record.data, record.length));
    }
    fclose(file);
    fclose(again);
    MUST(good || !(data[0] & 1));
    MUST(!good || (again_bytes < length && !memcmp(bytes, data + 1, again_bytes)));      /* of parts of logs one may be made */
    free(bytes);
}

const Target log_target = {
    "log", "logs of datagrams, whole, cut off and damaged", 1000, 2000, nothing, make, feed, nothing};
