/* SPDX-License-Identifier: Apache-2.0
 *
 * The subset of the SpiNNaker Application Runtime Kernel's C interface that
 * this runtime offers, under the same names, and the structures that it shares
 * with the monitor (SC&MP) and the host. A program that uses only these names
 * also compiles against the official tools.
 */
#ifndef SARK_H
#define SARK_H

#include <spinnaker.h>

#ifndef NONNULL
#define NONNULL __attribute__((nonnull))
#endif
#ifndef NORETURN
#define NORETURN __attribute__((noreturn))
#endif

#ifndef NULL
#define NULL ((void *) 0)
#endif

/* ---- states, errors, signals ------------------------------------------- */

/* Run state of a core, as the host reads it from the vcpu block. */
typedef enum cpu_state_e {
    CPU_STATE_DEAD,
    CPU_STATE_PWRDN,
    CPU_STATE_RTE,   /* run-time error; see rt_code */
    CPU_STATE_WDOG,
    CPU_STATE_INIT,
    CPU_STATE_WAIT,  /* the host calls it READY */
    CPU_STATE_SARK,  /* in c_main() */
    CPU_STATE_RUN,
    CPU_STATE_SYNC0,
    CPU_STATE_SYNC1,
    CPU_STATE_PAUSE,
    CPU_STATE_EXIT,  /* the host calls it FINISHED */
    CPU_STATE_12,
    CPU_STATE_13,
    CPU_STATE_14,
    CPU_STATE_IDLE
} cpu_state;

/* Why a core is in state RTE. */
typedef enum rte_code_e {
    RTE_NONE,
    RTE_RESET,  /* branch through zero */
    RTE_UNDEF,  /* undefined instruction */
    RTE_SVC,    /* software interrupt */
    RTE_PABT,   /* prefetch abort */
    RTE_DABT,   /* data abort */
    RTE_IRQ,
    RTE_FIQ,
    RTE_VIC,    /* interrupt from an unused vector */
    RTE_ABORT,
    RTE_MALLOC, /* out of memory */
    RTE_DIV0,
    RTE_EVENT,
    RTE_SWERR,  /* the program found an error itself */
    RTE_IOBUF,
    RTE_ENABLE,
    RTE_NULL,
    RTE_PKT,
    RTE_TIMER,
    RTE_API,
    RTE_VER     /* SC&MP has another version */
} rte_code;

/* Signals that SC&MP passes on to applications. */
typedef enum signal_e {
    SIG_INIT,
    SIG_PWRDN,
    SIG_STOP,
    SIG_START,
    SIG_SYNC0,
    SIG_SYNC1,
    SIG_PAUSE,
    SIG_CONT,
    SIG_EXIT,
    SIG_TIMER,
    SIG_USR0,
    SIG_USR1,
    SIG_USR2,
    SIG_USR3
} signal;

/* Commands in the mailboxes between SC&MP and the core. */
typedef enum shm_cmd_e { SHM_IDLE, SHM_MSG, SHM_NOP, SHM_SIGNAL, SHM_CMD } shm_cmd;

/* ---- SDP messages ------------------------------------------------------- */

#define NUM_SDP_PORTS 8
#define PORT_SHIFT 5
#define PORT_MASK 0xe0
#define CPU_MASK 0x1f
#define PORT_ETH 255     /* destination: out of the Ethernet port */
#define SDP_BUF_SIZE 256
#define TAG_HOST 0

enum sark_scp_command_codes { CMD_VER = 0, CMD_READ = 2, CMD_WRITE = 3, CMD_TUBE = 64 };
enum sark_scp_return_codes { RC_OK = 0x80, RC_LEN = 0x81, RC_CMD = 0x83, RC_ARG = 0x84 };

/* One SDP message. `length` counts the bytes from `flags` on (at least 8). */
typedef struct sdp_msg {
    struct sdp_msg *next;
    ushort length;
    ushort checksum;
    uchar flags;      /* 0x87: the sender wants a reply, 0x07: it does not */
    uchar tag;        /* IP tag, when it leaves by Ethernet */
    uchar dest_port;  /* port in bits 7:5, core in bits 4:0 */
    uchar srce_port;
    ushort dest_addr; /* chip: x in the upper byte, y in the lower */
    ushort srce_addr;
    ushort cmd_rc;
    ushort seq;
    uint arg1;
    uint arg2;
    uint arg3;
    uchar data[SDP_BUF_SIZE];
    uint __PAD1;
} sdp_msg_t;

/* ---- shared structures --------------------------------------------------- */

typedef struct mem_link {
    struct mem_link *next;
} mem_link_t;

typedef struct mem_block {
    mem_link_t *free;
    ushort count;
    ushort max;
} mem_block_t;

/* A heap: `next` chains all blocks by address, `free` the free ones. While a
 * block is allocated its `free` holds 0xffff0000 | app_id << 8 | tag. */
typedef struct block {
    struct block *next;
    struct block *free;
} block_t;

typedef struct {
    block_t *free;
    block_t *first;
    block_t *last;
    uint free_bytes;
    uchar buffer[];
} heap_t;

/* What SC&MP knows of an application ID on this chip. */
typedef struct app_data {
    uchar cores;
    uchar clean;
    uchar sema;
    uchar lead;
    uint mask;
} app_data_t;

/* The block of one (virtual) core in System RAM. */
typedef struct vcpu {
    uint r[8];
    uint psr;
    uint sp;
    uint lr;
    uchar rt_code;
    uchar phys_cpu;
    uchar cpu_state;
    uchar app_id;
    void *mbox_ap_msg;          /* SC&MP to core */
    void *mbox_mp_msg;          /* core to SC&MP */
    volatile uchar mbox_ap_cmd;
    volatile uchar mbox_mp_cmd;
    ushort sw_count;
    char *sw_file;
    uint sw_line;
    uint time;
    char app_name[16];
    void *iobuf;                /* first block of the chain in SDRAM, or 0 */
    uint sw_ver;
    uint __PAD[4];
    uint user0;                 /* the host puts the data regions' table here */
    uint user1;
    uint user2;
    uint user3;
} vcpu_t;

/* System variables of the chip, kept by SC&MP. */
typedef struct sv {
    ushort p2p_addr;
    ushort p2p_dims;
    ushort dbg_addr;
    uchar p2p_up;
    uchar last_id;
    ushort eth_addr;
    uchar hw_ver;
    uchar eth_up;
    uchar p2pb_repeats;
    uchar p2p_sql;
    uchar clk_div;
    uchar tp_scale;
    volatile uint64 clock_ms;   /* milliseconds since boot */
    volatile ushort time_ms;
    ushort ltpc_period;
    volatile uint unix_time;
    uint tp_timer;
    ushort cpu_clk;             /* MHz */
    ushort mem_clk;
    uchar forward;
    uchar retry;
    uchar peek_time;
    uchar led_period;           /* flash period of the error LED, 10 ms */
    uchar netinit_bc_wait;
    uchar netinit_phase;
    ushort p2p_root;
    uint led0;
    uint led1;
    int clock_drift;
    uint random;
    uchar root_chip;
    uchar num_buf;
    uchar boot_delay;
    uchar soft_wdog;
    uint sync_alignment;
    heap_t *sysram_heap;
    heap_t *sdram_heap;
    uint iobuf_size;
    uint *sdram_bufs;
    uint sysbuf_size;
    uint boot_sig;
    uint mem_ptr;
    volatile uchar lock;
    uchar link_en;
    uchar last_biff_id;
    uchar bt_flags;
    mem_block_t shm_root;       /* free message buffers in System RAM */
    uint utmp0;
    uint utmp1;
    uint utmp2;
    uint utmp3;
    uchar status_map[20];
    uchar p2v_map[20];
    uchar v2p_map[20];
    uchar num_cpus;
    uchar rom_cpus;
    ushort board_addr;
    uint *sdram_base;
    uint *sysram_base;
    uint *sdram_sys;
    vcpu_t *vcpu_base;
    heap_t *sys_heap;           /* SDRAM heap of the system: IOBUF */
    void *rtr_copy;
    uint *hop_table;
    block_t **alloc_tag;        /* [app_id << 8 | tag] */
    ushort rtr_free;
    ushort p2p_active;
    app_data_t *app_data;       /* [app_id] */
    sdp_msg_t *shm_buf;
    uint mbox_flags;            /* cores that wrote to SC&MP */
    uchar ip_addr[4];
    uint fr_copy;
    uint *board_info;
    uint sw_ver;
} sv_t;

_Static_assert(sizeof(uint) == 4, "a uint has 32 bits");
#if defined(__arm__)
_Static_assert(sizeof(sdp_msg_t) == 292, "layout is shared with SC&MP");
_Static_assert(sizeof(vcpu_t) == 128, "layout is shared with SC&MP");
_Static_assert(sizeof(sv_t) == 256, "layout is shared with SC&MP");
#endif

#define SV_VCPU (SYSRAM_TOP - 0x1000u)
#define SV_SV (SYSRAM_TOP - 0x100u)
static sv_t *const sv = (sv_t *) SV_SV;
static vcpu_t *const sv_vcpu = (vcpu_t *) SV_VCPU;

/* An interrupt handler is entered by the hardware: it must save what it uses
 * and return with SUBS PC, LR, #4. INT_HANDLER lets the compiler do so. */
typedef void (*int_handler)(void);
#define INT_HANDLER void __attribute__((interrupt("IRQ")))

/* Words that stand behind the exception vectors, at 0x20. */
typedef struct sark_vec {
    int_handler reset_vec;
    int_handler undef_vec;
    int_handler svc_vec;
    int_handler pabt_vec;
    int_handler dabt_vec;
    int_handler aplx_proc;
    int_handler irq_vec;
    int_handler fiq_vec;
    ushort svc_stack;
    ushort irq_stack;
    ushort fiq_stack;
    ushort stack_size;
    uint *code_top;
    uint *heap_base;
    uint *stack_top;
    uint stack_fill;
    uchar num_msgs;
    uchar sark_slot;
    uchar num_events;
    uchar api;
    uchar app_id;             /* given by SC&MP when it starts the program */
    volatile uchar app_flags; /* bit 0: wait for SIG_START */
    ushort __PAD;
} sark_vec_t;
#define APP_FLAG_WAIT 0
extern sark_vec_t runtime_sark_vec;
#define sark_vec (&runtime_sark_vec)

/* What the runtime knows about its own core. */
typedef struct sark_data {
    uint virt_cpu;
    uint phys_cpu;
    uint random[2];
    uint *stack_base;
    uint *heap_base;
    heap_t *heap;        /* the heap in DTCM */
    vcpu_t *vcpu;
    mem_block_t msg_root;
    uint msg_rcvd;
    uint msg_sent;
    ushort cpu_clk;      /* MHz */
    uchar sw_rte;
    uchar __PAD1;
    void *sdram_buf;
    uint pkt_count;      /* packets thrown away because nobody wanted them */
} sark_data_t;
extern sark_data_t sark;

/* ---- identity and state --------------------------------------------------- */

uint sark_chip_id(void); /* x << 8 | y */
uint sark_core_id(void); /* virtual core, 1 to 17 */
uint sark_app_id(void);
void sark_cpu_state(cpu_state state);

/* ---- errors ---------------------------------------------------------------- */

/* Record registers and `code` in the vcpu block, go to state RTE and sleep for
 * ever. Further arguments appear in the dump as r1, r2, r3. */
void rt_error(uint code, ...) NORETURN;

/* ---- interrupts and locks ------------------------------------------------- */

uint cpu_irq_enable(void);
uint cpu_irq_disable(void);
uint cpu_fiq_enable(void);
uint cpu_fiq_disable(void);
uint cpu_int_enable(void);
uint cpu_int_disable(void);
void cpu_int_restore(uint cpsr);
uint cpu_get_cpsr(void);
void cpu_wfi(void);
void cpu_sleep(void) NORETURN;

/* Vectors of the interrupt controller. Slots 0 to 7 and 15 belong to the
 * runtime; 8 to 14 are free. */
typedef enum vic_slot_e {
    SLOT_0, SLOT_1, SLOT_2, SLOT_3, SLOT_4, SLOT_5, SLOT_6, SLOT_7,
    SLOT_8, SLOT_9, SLOT_10, SLOT_11, SLOT_12, SLOT_13, SLOT_14, SLOT_15,
    SLOT_FIQ,
    SLOT_MAX = SLOT_15
} vic_slot;

/* Make `handler` the handler of `interrupt`, and enable it if asked. With
 * SLOT_FIQ it becomes the one and only FIQ source. */
void sark_vic_set(vic_slot slot, uint interrupt, uint enable, int_handler handler);

/* Locks shared by the cores of a chip. */
typedef enum spin_lock_e {
    LOCK_MSG,
    LOCK_MBOX,
    LOCK_ETHER,
    LOCK_GPIO,
    LOCK_API_ROOT,
    LOCK_SEMA,
    LOCK_HEAP,
    LOCK_RTR
} spin_lock;

/* Disable IRQ and take a lock; returns the old CPSR for sark_lock_free(). FIQ
 * stays on, so an FIQ handler must not use locks. */
uint sark_lock_get(spin_lock lock);
void sark_lock_free(uint cpsr, spin_lock lock);

/* ---- memory ------------------------------------------------------------------ */

#define ALLOC_LOCK 1      /* the heap is shared: take its lock */
#define ALLOC_ID 2        /* owner is (flag >> 8) & 255, not this application */
#define ALLOC_TAG_RETRY 4 /* a tag in use with the same size returns its block */

/* Allocate `size` bytes (word aligned) of `heap`, NULL if there is no room or
 * `tag` (1 to 255, 0 = none) is in use. Blocks of shared heaps are freed by
 * SC&MP when the application is stopped. */
void *sark_xalloc(heap_t *heap, uint size, uint tag, uint flag);
void sark_xfree(heap_t *heap, void *ptr, uint flag);
uint sark_heap_max(heap_t *heap, uint flag); /* largest free block, bytes */
heap_t *sark_heap_init(uint *base, uint *top);

/* The same on the heap in DTCM. */
void *sark_alloc(uint count, uint size);
void sark_free(void *ptr);

/* Address of a tagged block; app_id 0 = this application's. */
void *sark_tag_ptr(uint tag, uint app_id);

void sark_mem_cpy(void *dest, const void *src, uint n);
void sark_word_cpy(void *dest, const void *src, uint n); /* n bytes, rounded up to words */
void sark_word_set(void *dest, uint data, uint n);
void sark_str_cpy(char *dest, const char *src);
uint sark_str_len(char *string);

/* ---- messages ------------------------------------------------------------------ */

sdp_msg_t *sark_msg_get(void);        /* a free message, or NULL */
void sark_msg_free(sdp_msg_t *msg);
void sark_msg_cpy(sdp_msg_t *to, const sdp_msg_t *from);
sdp_msg_t *sark_shmsg_get(void);      /* the same in System RAM, shared */
void sark_shmsg_free(sdp_msg_t *msg);

/* Hand a copy of `msg` to SC&MP; waits up to `timeout` ms for the mailbox.
 * Returns 1, or 0 if it could not be sent. */
uint sark_msg_send(sdp_msg_t *msg, uint timeout);

/* ---- text and time --------------------------------------------------------------- */

#define IO_STD ((char *) 0)
#define IO_DBG ((char *) 1)
#define IO_BUF ((char *) 2)  /* the chained buffer in SDRAM that the host reads */
#define IO_NULL ((char *) 3)

/* Formatted text. Knows %c %s %d %u %x %z (hex, exactly `size` digits) %k
 * (s16.15) %%, a field width and a leading 0. Any stream but IO_BUF is dropped. */
void io_printf(char *stream, char *format, ...);
void io_put_char(char *stream, uint c);
void sark_io_buf_reset(void);

void sark_delay_us(uint delay);

#endif
