/* SPDX-License-Identifier: Apache-2.0
 * What SC&MP wants of this core: signals and messages, in the mailbox of the
 * vcpu block, announced by an interrupt of the system controller. The barrier
 * uses the same interrupt with an empty mailbox, only to wake the core. */
#include "internal.h"

static void obey(uint signal_number)
{
    switch (signal_number) {
    case SIG_START:
        sark_vec->app_flags &= (uchar) ~(1u << APP_FLAG_WAIT);
        break;
    case SIG_PAUSE:
        sark_cpu_state(CPU_STATE_PAUSE);
        break;
    case SIG_CONT:
        sark_cpu_state(CPU_STATE_RUN);
        break;
    case SIG_EXIT:
        spin1_exit(255);
        break;
    case SIG_TIMER:
        vic[VIC_SOFT_SET] = 1u << TIMER1_INT;
        break;
    default: /* user signals: no program of ours has a use for them */
        break;
    }
}

/* A callback that is called at once gets the message where it lies, in System
 * RAM. A queued one gets a copy: shared buffers are few and must come back soon. */
static void deliver(sdp_msg_t *shared)
{
    uint port = shared->dest_port >> PORT_SHIFT;

    sark.msg_rcvd++;
    if (port == 0) {
        runtime_answer_scp(shared);
        sark_msg_send(shared, 10);
        sark_msg_free(shared);
        return;
    }
    if (event_callbacks[SDP_PACKET_RX].function == NULL) {
        sark_msg_free(shared);
        return;
    }
    if (event_callbacks[SDP_PACKET_RX].priority <= 0) {
        runtime_event(SDP_PACKET_RX, (uint) shared, port);
        return;
    }
    sdp_msg_t *copy = sark_msg_get();
    if (copy != NULL) {
        uint cpsr = spin1_irq_disable();
        sark_msg_cpy(copy, shared);
        runtime_event(SDP_PACKET_RX, (uint) copy, port);
        spin1_mode_restore(cpsr);
    }
    sark_msg_free(shared);
}

/* Called by start.S with IRQs of higher priority let through. */
void runtime_mailbox(uint pc)
{
    vcpu_t *vcpu = sark.vcpu;

    sc[SC_CLR_IRQ] = SC_CODE | 1u << sark.phys_cpu;
    uint command = vcpu->mbox_ap_cmd;
    void *argument = *(void *volatile *) &vcpu->mbox_ap_msg;

    if (command == SHM_NOP) { /* SC&MP asks whether and where we live */
        *(void *volatile *) &vcpu->mbox_ap_msg = (void *) pc;
    }
    if (command != SHM_IDLE) {
        vcpu->mbox_ap_cmd = SHM_IDLE;
    }
    if (command == SHM_SIGNAL) {
        obey((uint) argument);
    } else if (command == SHM_MSG) {
        deliver(argument);
    }
}
