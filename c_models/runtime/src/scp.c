/* SPDX-License-Identifier: Apache-2.0
 * The commands that every core answers on SDP port 0: version, and reading and
 * writing its own memory. Debuggers use them. */
#include "internal.h"

#define HEADER_BYTES 12u  /* SDP header, command and sequence number */
#define REQUEST_BYTES 24u /* the same with three arguments */

#define IDENTITY "SARK/SpiNNaker\0" "4.0.0"

static uint answer_version(sdp_msg_t *msg)
{
    msg->arg1 = (uint) sv->p2p_addr << 16 | sark.phys_cpu << 8 | sark.virt_cpu;
    msg->arg2 = 0xffff0000u | SDP_BUF_SIZE;
    msg->arg3 = 0;
    sark_mem_cpy(msg->data, IDENTITY, sizeof(IDENTITY));
    return 12 + sizeof(IDENTITY);
}

/* `unit` is 0, 1 or 2 for bytes, halfwords, words: registers want their size. */
static void copy_units(uint to, uint from, uint bytes, uint unit)
{
    for (uint done = 0; done < bytes; done += 1u << unit) {
        if (unit == 0) {
            *(volatile uchar *) (to + done) = *(volatile uchar *) (from + done);
        } else if (unit == 1) {
            *(volatile ushort *) (to + done) = *(volatile ushort *) (from + done);
        } else {
            *(volatile uint *) (to + done) = *(volatile uint *) (from + done);
        }
    }
}

void runtime_answer_scp(sdp_msg_t *msg)
{
    uint command = msg->cmd_rc;
    uint address = msg->arg1;
    uint bytes = msg->arg2;
    uint unit = msg->arg3;
    uint reply_bytes = 0;

    msg->cmd_rc = RC_OK;
    if (msg->length < REQUEST_BYTES) {
        msg->cmd_rc = RC_LEN;
    } else if (command == CMD_VER) {
        reply_bytes = answer_version(msg);
    } else if (command != CMD_READ && command != CMD_WRITE) {
        msg->cmd_rc = RC_CMD;
    } else if (bytes > SDP_BUF_SIZE || unit > 2 || ((address | bytes) & ((1u << unit) - 1)) != 0) {
        msg->cmd_rc = RC_ARG;
    } else if (command == CMD_READ) {
        copy_units((uint) &msg->arg1, address, bytes, unit);
        reply_bytes = bytes;
    } else {
        copy_units(address, (uint) msg->data, bytes, unit);
    }
    msg->length = (ushort) (HEADER_BYTES + reply_bytes);
    runtime_turn_round(msg);
}
