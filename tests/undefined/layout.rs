//! Reads the eval loop's machine code out of the running binary, as such libraries do.  They look through its first 4 KiB for the head
//! of the switch on the opcode.

use iced_x86::{Code, Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register};

use crate::running;

/// How far the libraries look.
const REACH: usize = 4096;
/// The opcodes that the switch knows end here (MAP_ADD).
const LAST_OPCODE: u64 = 147;
const LOAD_CONST: u64 = 100;
/// More than the eval loop is long.
const WHOLE: usize = 0x10000;
/// Where a tuple's items begin.
const ITEMS: u64 = 24;

/// Returns the address of a function that the binary exports.
fn address_of(function: &str) -> u64 {
    let ask = format!("import ctypes as c; print c.cast(c.pythonapi.{function}, c.c_void_p).value");
    running::run(&mut running::bctrace(["python", "-c", &ask])).succeeded().trim().parse().unwrap()
}

/// Returns the instructions at an address.  The binary lies at the same place in each run.
fn instructions_at(address: u64, length: usize) -> Vec<Instruction> {
    let bytes = memory_at(address, length);
    Decoder::with_ip(64, &bytes, address, DecoderOptions::NONE).into_iter().collect()
}

fn memory_at(address: u64, length: usize) -> Vec<u8> {
    let ask = format!("import ctypes; print ctypes.string_at({address}, {length}).encode('hex')");
    let printed = running::run(&mut running::bctrace(["python", "-c", &ask])).succeeded();
    let digit = |digit: u8| (digit as char).to_digit(16).unwrap() as u8;
    printed.trim().as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// The switch's head: `cmp $147, OPCODE; ja REFUSED; lea TABLE, …; …; jmp *…`.
struct Head {
    refused: u64,
    table: u64,
}

fn find_head(code: &[Instruction]) -> Option<Head> {
    let start = code.first()?.ip();
    let near = code.iter().take_while(|instruction| instruction.ip() < start + REACH as u64).count();
    code[..near].windows(12).find_map(|window| {
        let [compare, above, rest @ ..] = window else { return None };
        let is_compare = compare.mnemonic() == Mnemonic::Cmp
            && compare.op0_register().is_gpr32()
            && compare.op_count() == 2
            && compare.op1_kind() == OpKind::Immediate32
            && u64::from(compare.immediate32()) == LAST_OPCODE;
        // The long form: five bytes are written where it leads, which a short one would put in the way.
        let is_above = above.code() == Code::Ja_rel32_64;
        let lea = rest.iter().find(|next| next.mnemonic() == Mnemonic::Lea && next.is_ip_rel_memory_operand())?;
        let jumps = rest.iter().any(|next| next.code() == Code::Jmp_rm64);
        (is_compare && is_above && jumps)
            .then(|| Head { refused: above.near_branch_target(), table: lea.ip_rel_memory_address() })
    })
}

fn head() -> Head {
    find_head(&instructions_at(address_of("PyEval_EvalFrameEx"), WHOLE)).expect("a head in the first 4 KiB")
}

#[test]
fn the_eval_loop_begins_with_the_head_of_its_switch() {
    if !super::is_compiled_by_gcc() {
        return;
    }
    let refusal = instructions_at(head().refused, 64);
    let called = refusal.iter().find(|instruction| instruction.mnemonic() == Mnemonic::Call).unwrap();
    assert_eq!(called.near_branch_target(), address_of("PyFrame_GetLineNumber"));
}

#[test]
fn the_switchs_load_const_goes_on_with_a_plain_jump() {
    if !super::is_compiled_by_gcc() {
        return;
    }
    let table = head().table;
    let entry = memory_at(table + 4 * LOAD_CONST, 4);
    let case = table.wrapping_add_signed(i64::from(i32::from_le_bytes(*entry.first_chunk().unwrap())));
    let code = instructions_at(case, 96);
    let is_load = |instruction: &Instruction| {
        instruction.mnemonic() == Mnemonic::Mov
            && instruction.op0_register().is_gpr64()
            && instruction.memory_displacement64() == ITEMS
            && instruction.memory_index_scale() == 8
            && instruction.memory_index() != Register::None
    };
    let load = code.iter().position(is_load).expect("a load of the constant");
    let is_branch = |instruction: &Instruction| instruction.flow_control() != FlowControl::Next;
    let branch = code.iter().position(is_branch).unwrap();
    assert!(load < branch, "{code:?}");
    assert_eq!(code[branch].flow_control(), FlowControl::UnconditionalBranch, "{:?}", code[branch]);
}

/// The branch predictor knows each by itself.
#[test]
fn opcodes_have_table_jumps_of_their_own() {
    if !super::is_compiled_by_gcc() {
        return;
    }
    let code = instructions_at(address_of("PyEval_EvalFrameEx"), WHOLE);
    let jumps = code.iter().filter(|instruction| instruction.code() == Code::Jmp_rm64).count();
    assert!(jumps > 90, "{jumps} table jumps");
}
