/* SPDX-License-Identifier: Apache-2.0
 * The end of a program that went wrong: state RTE, registers for the host. */
#include "internal.h"
#include <debug.h>
#include <runtime.h>

static bool fault_seen;

/* Flash period that SC&MP gives the chip's LED after an error, in 10 ms. */
#define ERROR_LED_PERIOD 8

/* Called by start.S on the fault stack. `lr` is where the error was found. */
void NORETURN runtime_fault(uint code, const uint *r, uint psr, uint sp, uint lr)
{
    vcpu_t *vcpu = sv_vcpu + sark.virt_cpu;

    vic[VIC_DISABLE] = 0xffffffffu;
    if (!fault_seen) {
        fault_seen = true;
        for (uint i = 0; i < 8; i++) {
            vcpu->r[i] = r[i];
        }
        vcpu->psr = psr;
        vcpu->sp = sp;
        vcpu->lr = lr;
        vcpu->rt_code = (uchar) code;
        if (code >= RTE_RESET && code <= RTE_VIC) {
            runtime_log(40, "core", 0, "exception %u near 0x%08x, sp 0x%08x",
                        code, lr, sp);
        }
        vcpu->cpu_state = CPU_STATE_RTE;
        sv->led_period = ERROR_LED_PERIOD;
    } else {
        /* The report itself failed; what is in the block is the first error. */
        vcpu->cpu_state = CPU_STATE_RTE;
    }
    cpu_sleep();
}

void spin1_rte(rte_code code)
{
    rt_error(code);
}

/* Compilers call this for a division by zero. */
int __aeabi_idiv0(int quotient);
int __aeabi_idiv0(int quotient)
{
    rt_error(RTE_DIV0);
    return quotient;
}

long long __aeabi_ldiv0(long long quotient);
long long __aeabi_ldiv0(long long quotient)
{
    rt_error(RTE_DIV0);
    return quotient;
}
