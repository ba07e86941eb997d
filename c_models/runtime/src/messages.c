/* SPDX-License-Identifier: Apache-2.0
 * SDP messages: buffers of our own, the chip's shared buffers, and sending. */
#include "internal.h"
#include <runtime.h>

#define N_OWN_MESSAGES 2u
#define HEADER_BYTES 8u /* of an SDP message, from `flags` on */

static void put_back(mem_block_t *pool, sdp_msg_t *msg)
{
    mem_link_t *link = (mem_link_t *) msg;

    link->next = pool->free;
    pool->free = link;
    pool->count--;
}

static sdp_msg_t *take(mem_block_t *pool)
{
    mem_link_t *link = pool->free;

    if (link != NULL) {
        pool->free = link->next;
        pool->count++;
        if (pool->count > pool->max) {
            pool->max = pool->count;
        }
    }
    return (sdp_msg_t *) link;
}

/* Most programs never need a message of their own: the first one makes them. */
static void make_own_messages(void)
{
    sdp_msg_t *messages = sark_alloc(N_OWN_MESSAGES, sizeof(sdp_msg_t));

    for (uint i = 0; messages != NULL && i < N_OWN_MESSAGES; i++) {
        sark.msg_root.count++;
        put_back(&sark.msg_root, &messages[i]);
    }
}

sdp_msg_t *sark_msg_get(void)
{
    uint cpsr = spin1_irq_disable();
    static bool made;

    if (!made) {
        made = true;
        make_own_messages();
    }
    sdp_msg_t *msg = take(&sark.msg_root);
    spin1_mode_restore(cpsr);
    return msg;
}

/* Takes back messages of both kinds, see mailbox.c. */
void sark_msg_free(sdp_msg_t *msg)
{
    if ((uint) msg >= SYSRAM_BASE) {
        sark_shmsg_free(msg);
        return;
    }
    uint cpsr = spin1_irq_disable();
    put_back(&sark.msg_root, msg);
    spin1_mode_restore(cpsr);
}

sdp_msg_t *sark_shmsg_get(void)
{
    uint cpsr = sark_lock_get(LOCK_MSG);
    sdp_msg_t *msg = take(&sv->shm_root);
    sark_lock_free(cpsr, LOCK_MSG);
    return msg;
}

void sark_shmsg_free(sdp_msg_t *msg)
{
    uint cpsr = sark_lock_get(LOCK_MSG);
    put_back(&sv->shm_root, msg);
    sark_lock_free(cpsr, LOCK_MSG);
}

void sark_msg_cpy(sdp_msg_t *to, const sdp_msg_t *from)
{
    const uint before_flags = offsetof(sdp_msg_t, flags);
    uint bytes = from->length + before_flags - offsetof(sdp_msg_t, length);

    if (bytes > sizeof(sdp_msg_t) - offsetof(sdp_msg_t, length)) {
        bytes = sizeof(sdp_msg_t) - offsetof(sdp_msg_t, length);
    }
    sark_word_cpy(&to->length, &from->length, bytes);
}

/* SC&MP has taken the last message when it sets the command back to idle. */
static bool wait_for_mailbox(uint timeout_ms)
{
    uint start = (uint) sv->clock_ms;

    while (sark.vcpu->mbox_mp_cmd != SHM_IDLE) {
        if ((uint) sv->clock_ms - start > timeout_ms) {
            return false;
        }
    }
    return true;
}

static void ring_monitor(void)
{
    uint cpsr = sark_lock_get(LOCK_MBOX);
    uint flags = sv->mbox_flags;

    sv->mbox_flags = flags | 1u << sark.virt_cpu;
    if (flags == 0) {
        sc[SC_SET_IRQ] = SC_CODE | 1u << sv->v2p_map[0];
    }
    sark_lock_free(cpsr, LOCK_MBOX);
}

/* Another interrupt may send between our test of the mailbox and its use, so
 * both happen with IRQ masked. */
uint sark_msg_send(sdp_msg_t *msg, uint timeout)
{
    uint cpsr;

    do {
        if (!wait_for_mailbox(timeout)) {
            return FAILURE;
        }
        cpsr = spin1_irq_disable();
        if (sark.vcpu->mbox_mp_cmd == SHM_IDLE) {
            break;
        }
        spin1_mode_restore(cpsr);
    } while (true);

    sdp_msg_t *shared = sark_shmsg_get();
    if (shared != NULL) {
        sark_msg_cpy(shared, msg);
        *(void *volatile *) &sark.vcpu->mbox_mp_msg = shared;
        sark.vcpu->mbox_mp_cmd = SHM_MSG;
        ring_monitor();
        sark.msg_sent++;
    }
    spin1_mode_restore(cpsr);
    return shared != NULL ? SUCCESS : FAILURE;
}

void runtime_turn_round(sdp_msg_t *msg)
{
    uchar port = msg->dest_port;
    ushort address = msg->dest_addr;

    msg->dest_port = msg->srce_port;
    msg->dest_addr = msg->srce_addr;
    msg->srce_port = port;
    msg->srce_addr = address;
}

bool runtime_send_to_host(uint tag, const void *data, uint bytes)
{
    sdp_msg_t msg;

    if (bytes > sizeof(msg) - offsetof(sdp_msg_t, cmd_rc) - sizeof(msg.__PAD1)) {
        return false;
    }
    msg.flags = 0x07;
    msg.tag = (uchar) tag;
    msg.dest_port = PORT_ETH;
    msg.dest_addr = sv->eth_addr;
    msg.srce_port = (uchar) (1u << PORT_SHIFT | sark.virt_cpu);
    msg.srce_addr = sv->p2p_addr;
    msg.length = (ushort) (HEADER_BYTES + bytes);
    sark_mem_cpy(&msg.cmd_rc, data, bytes);
    return sark_msg_send(&msg, 10) == SUCCESS;
}
