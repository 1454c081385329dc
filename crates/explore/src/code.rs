//! The compact form that a function body is executed in: a list of register instructions.
//!
//! Made once per function and never changed. Registers hold integers of 64 bits, sign- or zero-extended from their type; pointers are
//! addresses (see [`crate::memory`]). One instruction touches shared memory at most once, so that it can be one scheduling point.

use cuthere_base::{FileId, Loc, Symbol};
use cuthere_cfront::types::Ty;
use cuthere_ir::BinOp;

/// A register of a frame.
pub type Reg = u16;

/// An integer's size in bytes and signedness.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IntTy {
    pub size: u8,
    pub signed: bool,
}

impl IntTy {
    pub const LONG: IntTy = IntTy { size: 8, signed: true };
    pub const ULONG: IntTy = IntTy { size: 8, signed: false };

    /// The value as this type holds it.
    #[inline]
    pub fn fit(self, v: i64) -> i64 {
        /// By size, how many bits lie above.
        const ABOVE: [u8; 16] = [0, 56, 48, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let above = ABOVE[usize::from(self.size & 15)];
        if self.signed { v << above >> above } else { ((v as u64) << above >> above) as i64 }
    }

    /// Whether all values that this type holds are the same in another one.
    pub fn within(self, other: IntTy) -> bool {
        other.size == 8 || self == other || self.size < other.size && (!self.signed || other.signed)
    }
}

/// How a number is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Num {
    Int(IntTy),
    /// The bits of a `float`, in the lower half.
    F32,
    /// Those of a `double`.
    F64,
}

/// A function as the linker numbers it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FnId(pub u32);

/// What a call reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    Function(FnId),
    /// The address is in a register.
    Pointer(Reg),
}

/// A call as written.
#[derive(Clone, Debug)]
pub struct CallSite {
    pub target: Target,
    pub args: Vec<Reg>,
    pub dst: Option<Reg>,
    /// The result is an aggregate: it is copied to the address in `dst`.
    pub dst_size: u32,
    pub dst_ty: IntTy,
    /// The integer type that the first argument points to, for operations on memory (`WRITE_ONCE`, atomics).
    pub pointee: IntTy,
    /// If that is a pointer itself, the size of what it points to; else 1.
    pub scale: u32,
    pub given: Vec<Given>,
    /// The name as written, for messages.
    pub name: Symbol,
}

/// An argument's type, as far as it matters to who gets it.
#[derive(Clone, Copy, Debug)]
pub struct Given {
    pub ty: IntTy,
    /// The integer type that it points to.
    pub pointee: IntTy,
    /// How many bytes it lets a function write, 0 for none.
    pub output: u32,
    /// As written, for messages; empty if that is long.
    pub text: Symbol,
}

/// What an access is called in the source.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    pub pc: u32,
    pub text: Symbol,
    pub ty: Ty,
    /// The type that the pointer leads to which it goes through.
    pub through: Option<Ty>,
}

/// A variable of the source: its register, or its slot.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    pub place: u16,
    pub in_memory: bool,
    pub name: Symbol,
    pub ty: Ty,
}

/// One instruction.
#[derive(Clone, Copy, Debug)]
pub enum Ins {
    Const {
        d: Reg,
        v: i64,
    },
    /// A value that is made up; index into `Code::notes` says about what.
    Guess {
        d: Reg,
        v: i64,
        note: u32,
    },
    Mov {
        d: Reg,
        s: Reg,
    },
    /// The address of a local in memory.
    Local {
        d: Reg,
        slot: u16,
    },
    /// The address of the thread's own copy of a variable.
    Own {
        d: Reg,
        copies: u32,
    },
    Fit {
        d: Reg,
        s: Reg,
        ty: IntTy,
    },
    /// `d = s != 0`, or its negation.
    Truth {
        d: Reg,
        s: Reg,
        not: bool,
    },
    Neg {
        d: Reg,
        s: Reg,
        ty: IntTy,
    },
    BitNot {
        d: Reg,
        s: Reg,
        ty: IntTy,
    },
    /// Arithmetic; the result is made to fit `ty`.
    Bin {
        op: BinOp,
        d: Reg,
        a: Reg,
        b: Reg,
        ty: IntTy,
    },
    /// Arithmetic or comparison of two numbers of one floating type.
    Float {
        op: BinOp,
        d: Reg,
        a: Reg,
        b: Reg,
        single: bool,
    },
    Convert {
        d: Reg,
        s: Reg,
        from: Num,
        to: Num,
    },
    Cmp {
        op: BinOp,
        d: Reg,
        a: Reg,
        b: Reg,
        ty: IntTy,
    },
    /// `d = a + b * scale + off`.
    Index {
        d: Reg,
        a: Reg,
        b: Reg,
        scale: i32,
    },
    AddConst {
        d: Reg,
        a: Reg,
        v: i32,
    },
    /// `d = (a - b) / size`.
    PtrDiff {
        d: Reg,
        a: Reg,
        b: Reg,
        size: u32,
    },
    Select {
        d: Reg,
        c: Reg,
        t: Reg,
        e: Reg,
    },
    Load {
        d: Reg,
        a: Reg,
        off: i32,
        ty: IntTy,
    },
    Store {
        a: Reg,
        s: Reg,
        off: i32,
        ty: IntTy,
    },
    /// A bit-field of `width` bits from bit `bit` of the integer at the address.
    LoadBits {
        d: Reg,
        a: Reg,
        off: i32,
        bit: u8,
        width: u8,
        signed: bool,
    },
    StoreBits {
        a: Reg,
        s: Reg,
        off: i32,
        bit: u8,
        width: u8,
    },
    /// Piece by piece, as the machine does: no piece is larger than `unit`.
    Copy {
        d: Reg,
        s: Reg,
        size: u32,
        unit: u8,
    },
    Zero {
        a: Reg,
        size: u32,
        unit: u8,
    },
    /// The local's storage starts anew.
    Declare {
        slot: u16,
    },
    /// The same of an array of variable length, with its size in bytes.
    DeclareSized {
        slot: u16,
        size: Reg,
    },
    /// The same of one in a register: any value of its type.
    Open {
        d: Reg,
        ty: IntTy,
    },
    Jump {
        to: u32,
    },
    Branch {
        c: Reg,
        then: u32,
        els: u32,
    },
    Switch {
        v: Reg,
        table: u32,
    },
    Call {
        site: u32,
    },
    Ret {
        s: Option<Reg>,
        size: u32,
    },
    /// One of several targets of a computed goto; not supported beyond the first.
    Unreachable,
    /// Something that could not be read; index into `Code::notes`.
    Unsupported {
        note: u32,
    },
}

impl Ins {
    /// The register that it writes, but for that of a call's result.
    pub fn target(self) -> Option<Reg> {
        match self {
            Ins::Const { d, .. }
            | Ins::Guess { d, .. }
            | Ins::Mov { d, .. }
            | Ins::Local { d, .. }
            | Ins::Own { d, .. }
            | Ins::Fit { d, .. }
            | Ins::Truth { d, .. }
            | Ins::Neg { d, .. }
            | Ins::BitNot { d, .. }
            | Ins::Bin { d, .. }
            | Ins::Float { d, .. }
            | Ins::Convert { d, .. }
            | Ins::Cmp { d, .. }
            | Ins::Index { d, .. }
            | Ins::AddConst { d, .. }
            | Ins::PtrDiff { d, .. }
            | Ins::Select { d, .. }
            | Ins::Load { d, .. }
            | Ins::LoadBits { d, .. } => Some(d),
            _ => None,
        }
    }

    /// The registers that it reads, but for those of a call's site.
    pub fn operands(self) -> [Option<Reg>; 3] {
        match self {
            Ins::Mov { s, .. }
            | Ins::Fit { s, .. }
            | Ins::Convert { s, .. }
            | Ins::Truth { s, .. }
            | Ins::Neg { s, .. }
            | Ins::BitNot { s, .. } => [Some(s), None, None],
            Ins::Bin { a, b, .. }
            | Ins::Float { a, b, .. }
            | Ins::Cmp { a, b, .. }
            | Ins::Index { a, b, .. }
            | Ins::PtrDiff { a, b, .. } => [Some(a), Some(b), None],
            Ins::AddConst { a, .. } | Ins::Load { a, .. } | Ins::LoadBits { a, .. } | Ins::Zero { a, .. } => [Some(a), None, None],
            Ins::Select { c, t, e, .. } => [Some(c), Some(t), Some(e)],
            Ins::Store { a, s, .. } | Ins::StoreBits { a, s, .. } => [Some(a), Some(s), None],
            Ins::Copy { d, s, .. } => [Some(d), Some(s), None],
            Ins::Branch { c, .. } => [Some(c), None, None],
            Ins::Switch { v, .. } => [Some(v), None, None],
            Ins::DeclareSized { size, .. } => [Some(size), None, None],
            Ins::Ret { s, .. } => [s, None, None],
            _ => [None; 3],
        }
    }
}

/// A local that lives in memory.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    pub size: u32,
    /// Address of the one object of a `static` local, else 0.
    pub fixed: u64,
}

/// A parameter: in a register, or copied into a slot.
#[derive(Clone, Copy, Debug)]
pub enum Param {
    Reg(Reg),
    Scalar { slot: u16, ty: IntTy },
    Aggregate { slot: u16, size: u32 },
}

/// First and last value, and where they go.
pub type Case = (i64, i64, u32);

/// A function ready to run.
#[derive(Debug, Default)]
pub struct Code {
    pub name: Symbol,
    pub file: FileId,
    pub loc: Loc,
    pub regs: u16,
    pub params: Vec<Param>,
    pub slots: Vec<Slot>,
    pub ins: Vec<Ins>,
    /// Where each instruction stands.
    pub locs: Vec<Loc>,
    /// The outermost macro of each instruction.
    pub origins: Vec<Symbol>,
    pub sites: Vec<CallSite>,
    /// Case ranges with their targets, and the default.
    pub switches: Vec<(Vec<Case>, u32)>,
    pub notes: Vec<String>,
    /// Which instructions read or write an `_Atomic` object, ascending.
    pub atomic: Vec<u32>,
    /// What accesses are called, ascending.
    pub accesses: Vec<Named>,
    pub variables: Vec<Variable>,
    /// It stands in a header.
    pub header: bool,
    /// Which registers matter where, once somebody has asked.
    pub live: std::cell::OnceCell<crate::live::Live>,
}
