/* SPDX-License-Identifier: Apache-2.0
 * From reset to c_main(). */
#include "internal.h"
#include "layout.h"

sark_data_t sark;

extern void c_main(void);

static void describe_core(void)
{
    sark.phys_cpu = dma[DMA_STAT] >> 24;
    sark.virt_cpu = sv->p2v_map[sark.phys_cpu];
    sark.cpu_clk = sv->cpu_clk;
    sark.vcpu = sv_vcpu + sark.virt_cpu;
    sark.stack_base = __stack_base;
    sark.heap_base = __heap_base;
    sark.heap = sark_heap_init(__heap_base, __stack_base);
}

/* The host's four user words are left as they are. */
static void fill_vcpu_block(void)
{
    vcpu_t *vcpu = sark.vcpu;

    sark_word_set(vcpu, 0, offsetof(vcpu_t, user0));
    vcpu->phys_cpu = (uchar) sark.phys_cpu;
    vcpu->app_id = sark_vec->app_id;
    vcpu->time = sv->unix_time;
    vcpu->sw_ver = INTERFACE_VERSION;
    sark_str_cpy(vcpu->app_name, build_name);
    vcpu->cpu_state = CPU_STATE_WAIT;
}

/* SC&MP must have the same major version and no older minor version. */
static bool is_compatible(uint theirs, uint ours)
{
    return (theirs & 0xff0000u) == (ours & 0xff0000u) &&
            (theirs & 0x00ff00u) >= (ours & 0x00ff00u);
}

/* Called by start.S in SYS mode with interrupts off; .data and .bss are ready. */
void runtime_start(void)
{
    describe_core();
    fill_vcpu_block();
    if (!is_compatible(sv->sw_ver, INTERFACE_VERSION)) {
        rt_error(RTE_VER);
    }
    runtime_vic_init();
    runtime_timers_init();
    runtime_packets_init();
    runtime_dma_init();
    sark_vic_set(SLOT_MAILBOX, CPU_INT, 1, runtime_irq_mailbox);
    cpu_int_enable();

    while ((sark_vec->app_flags & (1u << APP_FLAG_WAIT)) != 0) {
        uint cpsr = cpu_int_disable();
        if ((sark_vec->app_flags & (1u << APP_FLAG_WAIT)) != 0) {
            cpu_wfi();
        }
        cpu_int_restore(cpsr);
    }

    sark_vec->api = 1;
    sark_cpu_state(CPU_STATE_SARK);
    c_main();
    sark_cpu_state(CPU_STATE_EXIT);
}

uint sark_chip_id(void) { return sv->p2p_addr; }
uint sark_core_id(void) { return sark.virt_cpu; }
uint sark_app_id(void) { return sark_vec->app_id; }
void sark_cpu_state(cpu_state state) { sark.vcpu->cpu_state = (uchar) state; }

uint spin1_get_id(void) { return ((uint) sv->p2p_addr << 5) | sark.virt_cpu; }
uint spin1_get_core_id(void) { return sark.virt_cpu; }
uint spin1_get_chip_id(void) { return sv->p2p_addr; }

void sark_delay_us(uint delay)
{
    runtime_spin(delay * sark.cpu_clk / 4);
}

uint runtime_stack_free(void)
{
    uint *word = __stack_base;

    while (word < __stack_top && *word == STACK_FILL) {
        word++;
    }
    return (uint) ((uchar *) word - (uchar *) __stack_base);
}
