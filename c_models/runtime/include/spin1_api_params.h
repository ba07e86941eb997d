/* SPDX-License-Identifier: Apache-2.0
 * For programs that include the official tools' header of this name. */
#ifndef SPIN1_API_PARAMS_H
#define SPIN1_API_PARAMS_H

#include <spin1_api.h>

#define TASK_QUEUE_SIZE 16
#define N_TASK_QUEUES 4
#define DMA_QUEUE_SIZE 16
#define USER_EVENT_QUEUE_SIZE 4

#endif
