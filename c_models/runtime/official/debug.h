/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines as plain text, as ../include/debug.h has them. The official tools
 * replace the texts by numbers in a copy of the sources, and the host looks them
 * up again; here the sources are compiled as they are. LOG_LEVEL is the official
 * one: LOG_ERROR, LOG_WARNING, LOG_INFO (if not given) or LOG_DEBUG.
 */
#ifndef RUNTIME_OFFICIAL_DEBUG_H
#define RUNTIME_OFFICIAL_DEBUG_H

#include <sark.h>
#include <spin1_api.h>
#include_next <debug.h>

#ifdef __FILE_NAME__
#define RUNTIME_FILE __FILE_NAME__
#else
#define RUNTIME_FILE __FILE__
#endif

#define RUNTIME_LOG(level, name, format, ...)                                   \
    do {                                                                        \
        if ((level) <= LOG_LEVEL) {                                             \
            uint log_cpsr_ = spin1_irq_disable();                               \
            io_printf(IO_BUF, "[" name "] (%s: %u): " format "\n", RUNTIME_FILE, \
                      __LINE__, ##__VA_ARGS__);                                 \
            spin1_mode_restore(log_cpsr_);                                      \
        }                                                                       \
    } while (0)

#define log_error(...) RUNTIME_LOG(LOG_ERROR, "ERROR", __VA_ARGS__)
#define log_warning(...) RUNTIME_LOG(LOG_WARNING, "WARNING", __VA_ARGS__)
#define log_info(...) RUNTIME_LOG(LOG_INFO, "INFO", __VA_ARGS__)
#define log_debug(...) RUNTIME_LOG(LOG_DEBUG, "DEBUG", __VA_ARGS__)

#endif
