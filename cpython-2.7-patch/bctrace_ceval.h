/* The macros that the patch puts into ceval.c's PyEval_EvalFrameEx; they use its local variables.  bctrace_hook.h says what they
 * mean.
 *
 * Differences from the upstream dispatch: the table jump reads the opcode without stepping over it, and each label sets f_lasti and
 * steps over opcode and operand at once; fast_next_opcode dispatches by the table as well.  The switch is left for EXTENDED_ARG's
 * successor and for opcodes that 2.7 does not define. */
#ifndef BCTRACE_CEVAL_H
#define BCTRACE_CEVAL_H

#include "bctrace_hook.h"
#include "bctrace_put.h"

#if defined(LLTRACE) || defined(Py_DEBUG) || defined(WITH_TSC) || defined(DYNAMIC_EXECUTION_PROFILE)
#error "the hook is not placed for LLTRACE, Py_DEBUG, WITH_TSC or DYNAMIC_EXECUTION_PROFILE"
#endif
#if !defined(HAVE_COMPUTED_GOTOS) || (defined(USE_COMPUTED_GOTOS) && !USE_COMPUTED_GOTOS)
#error "the hook needs computed gotos: without them PREDICT() runs instructions that no dispatch sees"
#endif

#define BCTRACE_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define BCTRACE_LIKELY(x) __builtin_expect(!!(x), 1)

#define BCTRACE_SIZE(op) (HAS_ARG(op) ? 3 : 1)
#define BCTRACE_IS_CALL(op) \
    ((op) == CALL_FUNCTION || (op) == CALL_FUNCTION_VAR || (op) == CALL_FUNCTION_KW || (op) == CALL_FUNCTION_VAR_KW)
/* What `next` is once the instruction op, which ends at `end`, has been fetched, in the modes that compare it. */
#define BCTRACE_NEXT(op, end) \
    ((uintptr_t)(end) | (BCTRACE_IS_CALL(op) && bctrace_lane.open == BCTRACE_CLOSED ? BCTRACE_CALLED : 0))

/* `mode` and `jumped`, by a name of their own: the compiler reads them where they are needed, and does not load their address first. */
extern uint32_t bctrace_modes_here[2] __asm__("bctrace_control") __attribute__((visibility("hidden")));
#define BCTRACE_DISPATCH() goto *bctrace_targets[bctrace_modes_here[0] + *next_instr]

/* Control leaves the sequence, or may have: the next dispatch calls out if the mode is BCTRACE_RUNS.  All that moves next_instr elsewhere
 * than past the instruction that it was at goes by JUMPTO or JUMPBY, and so comes here. */
#define BCTRACE_JUMP() (bctrace_modes_here[0] = bctrace_modes_here[1])

/* Begins an instruction: says in f_lasti where it is and moves next_instr past it.  The empty asm keeps the compiler from computing
 * next_instr + 1 and + 3 before the table jump, for every opcode and in two more registers, because some label will want them. */
#define BCTRACE_BEGIN(size) \
        f->f_lasti = INSTR_OFFSET(); \
        BCTRACE_HERE(); \
        next_instr += (size)
#define BCTRACE_HERE() __asm__ volatile("" : "+r"(next_instr))

/* Stands at an opcode's counted label.  The unit's other instructions are counted in BCTRACE_PREFIXED. */
#define BCTRACE_COUNT(target) \
        if (BCTRACE_UNLIKELY(--bctrace_slot.left < 0)) \
            goto bctrace_quota; \
        goto target;

/* Stands at an opcode's traced label, before its plain one.  What is called may change bytes. */
#define BCTRACE_FETCH(op, size) \
        bctrace_slot.next = (uintptr_t)(next_instr + (size)); \
        if (BCTRACE_IS_CALL(op) && BCTRACE_UNLIKELY(bctrace_lane.open != BCTRACE_TRUSTING)) \
            BCTRACE_JUMP();

/* An opcode that 2.7 does not define: recorded, then fetched as the switch of an ordinary build does it.
 *
 * Libraries that give such opcodes a meaning (PyArmor's advanced mode) look through the first 4 KiB of the eval loop for the head of
 * its switch, `cmp $147, OPCODE; ja REFUSED; ... jmp *TABLE[OPCODE]`.  They write a jump of their own over the first instruction at
 * REFUSED, and expect there what an ordinary build leaves: OPCODE has the opcode in a whole register, its operand is taken, next_instr
 * is past both.  The table's LOAD_CONST tells them which registers hold the constants and the operand; its first branch must be a plain
 * jump, so that no table of labels follows it.  tests/undefined/layout.rs checks the result. */
#define BCTRACE_UNKNOWN() \
        COUNTED_unknown: BCTRACE_COUNT(_unknown_opcode) \
        TRACED_unknown: BCTRACE_FETCH(0, BCTRACE_SIZE(*next_instr)) BCTRACE_MAY_GO_TO(bctrace_jump); \
    _unknown_opcode: BCTRACE_EARLY; \
        BCTRACE_HERE(); \
        bctrace_refused = bctrace_opcode_before(first_instr + f->f_lasti, next_instr); \
        f->f_lasti = INSTR_OFFSET()

/* At a label: has gcc place what follows near the beginning of the function. */
#define BCTRACE_EARLY __attribute__((hot))
/* For that gcc must see another way than to the label.  No instruction goes there. */
#define BCTRACE_MAY_GO_TO(label) __asm__ goto("" : : : : label)

/* Hides from the compiler that an opcode is a byte, and which one.  The empty lines make it long in gcc's eyes, which would otherwise copy
 * the head of the switch to each place that leads there, with short jumps. */
#define BCTRACE_ANY(opcode) __asm__("\n\n\n\n\n\n\n\n" : "+r"(opcode))

/* The opcode that is named should the current one be refused; the GIL is held from here to there.  An ordinary build that comes by its
 * jump table has not fetched it and names the one before, the last of the unit at f_lasti; one that comes by fast_next_opcode, which
 * sets f_lasti, names it.  No variable of the function, which would take a register or room on the stack. */
static int bctrace_refused;

static inline int
bctrace_opcode_before(const unsigned char *lasti, const unsigned char *instr)
{
    while (*lasti == EXTENDED_ARG && lasti != instr)
        lasti += 3;
    return *lasti;
}

/* The slot once more.  Where the traced labels meet it goes by this name, or the compiler would load its address at each of them, in
 * case it is needed there. */
extern struct bctrace_slot bctrace_slot_here __asm__("bctrace_slot") __attribute__((visibility("hidden")));

/* Whether the unit at next_instr is one that bctrace_quiet is about.  The first of a run is none: the hook may not know yet that the run
 * was opened.  Where bytes are compared, what was called may have changed them. */
#define BCTRACE_IS_QUIET() \
    (bctrace_quiet.frame == f && bctrace_lane.open != BCTRACE_COMPARING && \
     (uintptr_t)next_instr == bctrace_slot_here.next && bctrace_slot_here.start == bctrace_quiet.start && \
     (uintptr_t)next_instr != bctrace_quiet.start && \
     ((*next_instr == LOAD_FAST && (uint64_t)(next_instr[1] | next_instr[2] << 8) < bctrace_quiet.locals) || \
      (*next_instr == LOAD_CONST && (uint64_t)(next_instr[1] | next_instr[2] << 8) < bctrace_quiet.constants) || \
      *next_instr == JUMP_ABSOLUTE || *next_instr == JUMP_FORWARD))

/* Where the traced labels meet.  A unit with a prefix is always shown to the hook in BCTRACE_CHECKED: its successor's bytes have to
 * be compared too. */
#define BCTRACE_CALL_OUT() \
    bctrace_quota: \
        bctrace_slot_here.unrecorded += BCTRACE_QUOTA - bctrace_slot_here.left; \
        bctrace_slot_here.left = BCTRACE_QUOTA; \
        if (bctrace_slot_here.stop) \
            bctrace_stop(); \
        goto *bctrace_targets[*next_instr]; \
    bctrace_check: { \
        uintptr_t at = (uintptr_t)(next_instr - first_instr); \
        const unsigned char *told = bctrace_control.described; \
        if ((uintptr_t)next_instr == bctrace_slot_here.next && told != NULL && at + 3 <= bctrace_control.described_len && \
            *next_instr == told[at] && *next_instr != EXTENDED_ARG && \
            (!HAS_ARG(*next_instr) || (next_instr[1] == told[at + 1] && next_instr[2] == told[at + 2]))) { \
            bctrace_slot_here.next = BCTRACE_NEXT(*next_instr, next_instr + BCTRACE_SIZE(*next_instr)); \
            __asm__ volatile("" : : : "memory"); \
            goto *bctrace_targets[*next_instr]; \
        } \
    } \
    bctrace_jump: \
        bctrace_hooks.jump(f, first_instr, next_instr); \
        if (bctrace_control.mode != BCTRACE_JUMPED && bctrace_control.mode != BCTRACE_RUNS) \
            goto bctrace_called; \
        bctrace_control.mode = BCTRACE_RUNS; \
        goto *bctrace_targets[BCTRACE_RUNS + *next_instr]; \
    bctrace_jumped: { \
        const unsigned char *end = (const unsigned char *)bctrace_slot_here.next; \
        if (BCTRACE_UNLIKELY(bctrace_lane.open != BCTRACE_TRUSTING || bctrace_lane.top->frame != f)) \
            goto bctrace_jump; \
        bctrace_modes_here[0] = BCTRACE_RUNS; \
        if (BCTRACE_LIKELY(end != next_instr)) \
            bctrace_put(1, BCTRACE_WORD_JUMP, end, first_instr, next_instr); \
        goto *bctrace_targets[BCTRACE_RUNS + *next_instr]; \
    } \
    bctrace_value: \
        if (BCTRACE_IS_QUIET()) \
            bctrace_quiet.units++; \
        else \
            bctrace_hooks.unit(f, first_instr, next_instr, stack_pointer); \
    bctrace_called: \
        bctrace_slot_here.next = BCTRACE_NEXT(*next_instr, next_instr + BCTRACE_SIZE(*next_instr)); \
        __asm__ volatile("" : : : "memory"); \
        goto *bctrace_targets[*next_instr]

/* In EXTENDED_ARG, which has stepped over its successor, and over two bytes behind it even where that takes no operand. */
#define BCTRACE_PREFIXED() do { \
        if (bctrace_control.mode == BCTRACE_COUNTED) \
            bctrace_slot.left--; \
        else if (bctrace_control.mode) { \
            int is_run = bctrace_control.mode == BCTRACE_RUNS; \
            bctrace_slot.next = is_run ? (uintptr_t)next_instr : BCTRACE_NEXT(opcode, next_instr); \
            if (is_run && BCTRACE_IS_CALL(opcode) && bctrace_lane.open != BCTRACE_TRUSTING) \
                BCTRACE_JUMP(); \
        } \
    } while (0)

#define BCTRACE_ENTER() do { \
        if (bctrace_control.mode == BCTRACE_COUNTED && co->co_left_out == bctrace_control.left_out && \
            (next_instr == first_instr || !bctrace_control.kept)) { \
            bctrace_control.depth++; \
            if (next_instr == first_instr) \
                f->f_number = (unsigned int)bctrace_control.next_frame++; \
        } else if (bctrace_control.mode) \
            bctrace_hooks.enter(f, (PyObject *)co, first_instr, next_instr); \
    } while (0)

#define BCTRACE_LEAVE() do { \
        _Static_assert(WHY_YIELD - WHY_RETURN == BCTRACE_YIELD, "how a frame was left"); \
        if (bctrace_control.mode == BCTRACE_COUNTED && bctrace_control.depth) \
            bctrace_control.depth--; \
        else if (bctrace_control.mode) \
            bctrace_hooks.leave(f, (int)why - WHY_RETURN); \
    } while (0)

#define BCTRACE_RAISED() do { \
        if ((why == WHY_EXCEPTION || why == WHY_RERAISE) && \
            bctrace_control.mode && bctrace_control.mode != BCTRACE_COUNTED) \
            bctrace_hooks.raised(f, tstate->curexc_type, tstate->curexc_value, tstate->curexc_traceback != NULL); \
    } while (0)

#endif
