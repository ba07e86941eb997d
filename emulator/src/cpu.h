/*
 * The ARM968E-S core of one SpiNNaker processor: ARMv5TE and Thumb.
 *
 * The machine (machine.h) owns every Cpu, gives it its memories and a bus for everything that
 * is not fast memory, and runs it in slices of emulated time.  A Cpu knows nothing of SpiNNaker.
 *
 * Time is counted in cycles of the 200 MHz processor clock.
 */
#ifndef SPINNEMU_CPU_H
#define SPINNEMU_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ITCM_BASE 0x00000000u
#define ITCM_BYTES (32u * 1024u)
#define DTCM_BASE 0x00400000u
#define DTCM_BYTES (64u * 1024u)

/*
 * Some sequences of instructions on registers and DTCM are executed as one, and neither the end of
 * a slice nor an interrupt falls inside, as none falls inside a long LDM.  This is their limit.
 */
#define FUSED_CYCLES 16

typedef struct Cpu Cpu;

/*
 * What the machine does for accesses outside the tightly coupled memories.
 * `bytes` is 1, 2 or 4; the address is aligned to it.  A callback charges the wait states of
 * the access by adding to cpu->cycles, and may change cpu->irq, cpu->fiq or cpu->stop.
 */
typedef struct CpuBus {
    uint32_t (*read)(Cpu *cpu, uint32_t address, unsigned bytes);
    void (*write)(Cpu *cpu, uint32_t address, uint32_t value, unsigned bytes);
    /* Instruction fetch from anywhere but ITCM (SysRAM, SDRAM, boot area): a host pointer to the
     * 4-byte aligned word at `address`, or NULL where nothing can be fetched. */
    const uint8_t *(*fetch)(Cpu *cpu, uint32_t address);
    /* read() of what satisfies READS_ALONE(), outside ITCM: changes nothing but cpu->cycles. */
    uint32_t (*read_own)(Cpu *cpu, uint32_t address, unsigned bytes);
} CpuBus;

enum CpuMode { MODE_USR = 0x10, MODE_FIQ = 0x11, MODE_IRQ = 0x12, MODE_SVC = 0x13,
               MODE_ABT = 0x17, MODE_UND = 0x1b, MODE_SYS = 0x1f };

struct CpuCode;                       /* decoded instructions, private to the interpreter */

struct Cpu {
    /* --- state a snapshot keeps: plain data, no pointers; what every slice touches comes first --- */
    uint32_t r[16];                   /* r[15] = address of the next instruction to execute */
    uint32_t cpsr;                    /* N Z C V Q, I F T, mode: always up to date outside cpu_run */
    uint32_t cp15_control;            /* bit 13 = high vectors */
    uint64_t cycles;                  /* local time; ends past `until` by less than one instruction, or by
                                         less than FUSED_CYCLES (see there) */
    uint64_t instructions;            /* executed, failed conditions included */
    uint64_t cycles_awake;            /* cycles not spent in WFI or held in reset */
    bool irq, fiq;                    /* interrupt lines, levels, driven by the machine */
    bool sleeping;                    /* in wait-for-interrupt */
    bool halted;                      /* clock stopped or held in reset: does not run */
    bool stop;                        /* set by the bus: return from cpu_run after this instruction */
    uint32_t fault;                   /* 0, or why the core halted (undefined instruction with no
                                         vector, fetch from nowhere): CPU_FAULT_* */
    uint32_t fault_address;
    uint32_t spsr[6];                 /* indexed by bank: 0 user (unused) 1 fiq 2 irq 3 svc 4 abt 5 und */
    uint32_t banked_sp[6], banked_lr[6];
    uint32_t fiq_r8_r12[5], user_r8_r12[5];

    /* --- wiring, set by the machine --- */
    uint8_t *itcm, *dtcm;             /* ITCM_BYTES, DTCM_BYTES */
    const CpuBus *bus;
    struct CpuCode *code;             /* set by cpu_init */
    void *owner;                      /* the machine's core that this Cpu belongs to */
};

enum { CPU_FAULT_NONE, CPU_FAULT_FETCH, CPU_FAULT_UNDEFINED };

void cpu_init(Cpu *cpu, const CpuBus *bus, void *owner, uint8_t *itcm, uint8_t *dtcm);
void cpu_free(Cpu *cpu);

/* Reset: SVC mode, interrupts off, ARM state, PC = 0xffff0000 if high_vectors else 0. */
void cpu_reset(Cpu *cpu, bool high_vectors);

/*
 * Run until cpu->cycles >= until, the core sleeps (WFI with no line up), halts, or `stop` is set.
 * A sleeping core whose line (irq or fiq) is up wakes, whatever the mask bits say (ARM968E-S TRM).
 * When it returns asleep, cycles is where it fell asleep; the machine moves `cycles` on when it wakes it.
 */
void cpu_run(Cpu *cpu, uint64_t until);

/* The farthest that a core runs alone. */
#define ALONE_CYCLES 2048

/* What a core was before it ran alone. */
typedef struct CpuRetreat {
    uint32_t r[16], cpsr;
    uint64_t cycles, instructions, cycles_awake;
    uint64_t *end;                    /* of `undo` */
    uint64_t undo[ALONE_CYCLES + 64]; /* UNDO_WORD() of each word before it was written: one for each cycle at most */
} CpuRetreat;

#define UNDO_WORD(OFFSET, WORD) ((uint64_t)(WORD) << 32 | (OFFSET))

/*
 * Run translated code until cpu->cycles >= until, which is at most ALONE_CYCLES away, or until right before an instruction
 * that touches anything but registers and DTCM or what READS_ALONE(), changes its mode, sleeps, or has no translation; while an
 * interrupt waits that is masked, also before one that might let it through.  Nobody else can tell when such a run takes
 * place, and cpu_retreat() undoes it.  The core is neither asleep nor halted, and no interrupt is pending.
 */
void cpu_run_alone(Cpu *cpu, uint64_t until, CpuRetreat *retreat);
void cpu_retreat(Cpu *cpu, const CpuRetreat *retreat);

/* Whether there is code for cpu_run_alone() at r15. */
bool cpu_can_run_alone(const Cpu *cpu);

/* Tell the core that ITCM was written other than by its own stores (DMA, loader, snapshot). */
void cpu_itcm_changed(Cpu *cpu, uint32_t offset, uint32_t bytes);

#endif
