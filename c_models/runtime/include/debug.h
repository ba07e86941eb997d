/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines in IOBUF, as plain text in the form that the host looks for:
 * "[ERROR] (file.c: 12): message". Formats: see io_printf() in sark.h.
 *
 * LOG_LEVEL (10 debug, 20 info, 30 warning, 40 error; 20 if not given) drops
 * the lines below it at compile time.
 */
#ifndef DEBUG_H
#define DEBUG_H

#include <sark.h>

#ifndef LOG_LEVEL
#define LOG_LEVEL 20
#endif

/* Write one line; level as above. */
void runtime_log(uint level, const char *file, uint line, const char *format, ...);

#ifdef __FILE_NAME__
#define RUNTIME_FILE __FILE_NAME__
#else
#define RUNTIME_FILE __FILE__
#endif

#define RUNTIME_LOG(level, ...)                                        \
    do {                                                               \
        if ((level) >= LOG_LEVEL) {                                    \
            runtime_log((level), RUNTIME_FILE, __LINE__, __VA_ARGS__); \
        }                                                              \
    } while (0)

#define log_error(...) RUNTIME_LOG(40, __VA_ARGS__)
#define log_warning(...) RUNTIME_LOG(30, __VA_ARGS__)
#define log_info(...) RUNTIME_LOG(20, __VA_ARGS__)
#define log_debug(...) RUNTIME_LOG(10, __VA_ARGS__)

#endif
