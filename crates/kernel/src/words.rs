//! The words of model files: each type of the vocabulary read from a short text such as `"mutex 0 if-zero"`.
//!
//! Decides what a word means and says what is allowed when it means nothing. It knows no file and no position: the
//! deserialiser adds those.

use crate::entry::{
    ArgumentTest, Asks, Assert, Context, CtxEffect, CtxPart, FreeEffect, FreeHow, KernelLock, Level, LockEffect, LockKind, LockMode,
    LockRef, MemoryEffect, MoveEffect, PerCpu, RefEffect, RefOp, Returns, Section, Setting, Sleeps, Success, Test, When,
};
use cuthere_base::Symbol;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// More arguments than any kernel function has; an index above it is a mistake.
pub(crate) const MAX_ARGUMENT: u8 = 15;

/// A value that a model file writes as text.
pub(crate) trait Word: Sized {
    /// What is allowed, for messages.
    const ALLOWED: &'static str;
    /// The value; `None` or a reason if the text has no meaning.
    fn read(text: &str) -> Result<Self, String>;
}

/// A [`Word`] inside a deserialised structure.
#[derive(Clone, Debug)]
pub(crate) struct W<T>(pub T);

impl<'de, T: Word> Deserialize<'de> for W<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<T: Word> Visitor<'_> for Reader<T> {
            type Value = W<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a string: {}", T::ALLOWED)
            }
            // The error is made inside the visitor so that the deserialiser knows the position of the text.
            fn visit_str<E: Error>(self, text: &str) -> Result<W<T>, E> {
                T::read(text).map(W).map_err(|reason| E::custom(format!("{reason}; allowed: {}", T::ALLOWED)))
            }
        }
        deserializer.deserialize_str(Reader(PhantomData))
    }
}

/// One or more identifiers separated by white space.
#[derive(Clone, Debug)]
pub(crate) struct Names(pub Vec<Symbol>);

impl Word for Names {
    const ALLOWED: &'static str = "C identifiers separated by white space";
    fn read(text: &str) -> Result<Self, String> {
        let names: Result<Vec<Symbol>, String> = text.split_whitespace().map(identifier).collect();
        let names = names?;
        if names.is_empty() { Err("no name given".into()) } else { Ok(Names(names)) }
    }
}

impl Word for Symbol {
    const ALLOWED: &'static str = "one C identifier";
    fn read(text: &str) -> Result<Self, String> {
        identifier(text)
    }
}

/// A free-form tag such as a callback kind: lower-case words joined by `-`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tag(pub Symbol);

impl Word for Tag {
    const ALLOWED: &'static str = "lower-case letters, digits and `-`";
    fn read(text: &str) -> Result<Self, String> {
        let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits { Ok(Tag(Symbol::intern(text))) } else { Err(unknown(text)) }
    }
}

fn identifier(text: &str) -> Result<Symbol, String> {
    let mut bytes = text.bytes();
    let starts = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if starts && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') && text.len() <= 200 {
        Ok(Symbol::intern(text))
    } else {
        Err(format!("`{}` is not a C identifier", clip(text)))
    }
}

fn clip(text: &str) -> String {
    text.chars().take(60).collect()
}

fn unknown(text: &str) -> String {
    format!("unknown word `{}`", clip(text))
}

fn argument(text: Option<&str>) -> Result<u8, String> {
    let text = text.ok_or("an argument index is missing")?;
    match text.parse::<u8>() {
        Ok(index) if index <= MAX_ARGUMENT => Ok(index),
        _ => Err(format!("`{}` is not an argument index (0 to {MAX_ARGUMENT})", clip(text))),
    }
}

fn mask(text: Option<&str>) -> Result<i64, String> {
    let text = text.ok_or("the bit's value is missing")?;
    let parsed = text.strip_prefix("0x").map_or_else(|| text.parse(), |digits| i64::from_str_radix(digits, 16));
    parsed.map_err(|_| unknown(text))
}

fn no_more<'a>(mut rest: impl Iterator<Item = &'a str>) -> Result<(), String> {
    rest.next().map_or(Ok(()), |text| Err(unknown(text)))
}

fn lock_ref(text: Option<&str>) -> Result<LockRef, String> {
    let text = text.ok_or("which lock is missing: an argument index, `named:NAME`, `member:INDEX.[RECORD.]FIELD` or `through:INDEX`")?;
    if let Some(name) = text.strip_prefix("named:") {
        return identifier(name).map(LockRef::Named);
    }
    if let Some(index) = text.strip_prefix("through:") {
        return argument(Some(index)).map(LockRef::Through);
    }
    if let Some(member) = text.strip_prefix("member:") {
        let (index, field) = member.split_once('.').ok_or_else(|| unknown(text))?;
        let (record, field) = match field.split_once('.') {
            Some((record, field)) => (identifier(record)?, field),
            None => (Symbol::EMPTY, field),
        };
        return Ok(LockRef::Member(argument(Some(index))?, record, identifier(field)?));
    }
    argument(Some(text)).map(LockRef::Arg)
}

const KINDS: [(&str, LockKind); 15] = [
    ("spin", LockKind::Spin),
    ("raw-spin", LockKind::RawSpin),
    ("rw-spin", LockKind::RwSpin),
    ("mutex", LockKind::Mutex),
    ("rwsem", LockKind::RwSem),
    ("semaphore", LockKind::Semaphore),
    ("rt-mutex", LockKind::RtMutex),
    ("ww-mutex", LockKind::WwMutex),
    ("percpu-rwsem", LockKind::Percpurwsem),
    ("seqlock", LockKind::Seqlock),
    ("local", LockKind::Local),
    ("bit", LockKind::Bit),
    ("sock", LockKind::Sock),
    ("srcu", LockKind::Srcu),
    ("sleeping", LockKind::SleepingOther),
];

fn kind(text: &str) -> Result<LockKind, String> {
    KINDS.iter().find(|(word, _)| *word == text).map(|(_, kind)| *kind).ok_or_else(|| unknown(text))
}

impl Word for LockEffect {
    const ALLOWED: &'static str = "KIND LOCK [shared] [if-nonzero|if-zero|if-pointer|perhaps], where KIND is spin, raw-spin, rw-spin, mutex, rwsem, \
        semaphore, rt-mutex, ww-mutex, percpu-rwsem, seqlock, local, bit, sock, srcu or sleeping, and LOCK is an argument index, \
        named:NAME, member:INDEX.[RECORD.]FIELD or through:INDEX";
    fn read(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let kind = kind(words.next().unwrap_or(""))?;
        let lock = lock_ref(words.next())?;
        let mut effect = LockEffect { lock, kind, mode: LockMode::Exclusive, success: Success::Always };
        for word in words {
            match word {
                "shared" => effect.mode = LockMode::Shared,
                "if-nonzero" => effect.success = Success::NonZero,
                "if-zero" => effect.success = Success::Zero,
                "if-pointer" => effect.success = Success::Pointer,
                "perhaps" => effect.success = Success::Perhaps,
                _ => return Err(unknown(word)),
            }
        }
        Ok(effect)
    }
}

impl Word for KernelLock {
    const ALLOWED: &'static str = "KIND [RECORD.]NAME [shared], where KIND is one of those of `acquires`";
    fn read(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let kind = kind(words.next().unwrap_or(""))?;
        let lock = words.next().ok_or("which lock is missing: `NAME` or `RECORD.MEMBER`")?;
        let (record, name) = match lock.split_once('.') {
            Some((record, member)) => (identifier(record)?, identifier(member)?),
            None => (Symbol::EMPTY, identifier(lock)?),
        };
        let mode = match words.next() {
            None => LockMode::Exclusive,
            Some("shared") => LockMode::Shared,
            Some(word) => return Err(unknown(word)),
        };
        no_more(words)?;
        Ok(KernelLock { record, name, kind, mode })
    }
}

impl Word for CtxEffect {
    const ALLOWED: &'static str = "+PART or -PART, where PART is preempt, bh, irq, irqsave, rcu, rcu-bh, rcu-sched or pagefault-off";
    fn read(text: &str) -> Result<Self, String> {
        let (enter, part) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(part), _) => (true, part),
            (_, Some(part)) => (false, part),
            _ => return Err(unknown(text)),
        };
        let part = match part {
            "preempt" => CtxPart::Preempt,
            "bh" => CtxPart::Bh,
            "irq" => CtxPart::Irq,
            "irqsave" => CtxPart::IrqSave,
            "rcu" => CtxPart::Rcu,
            "rcu-bh" => CtxPart::RcuBh,
            "rcu-sched" => CtxPart::RcuSched,
            "pagefault-off" => CtxPart::PagefaultOff,
            _ => return Err(unknown(text)),
        };
        Ok(CtxEffect { part, enter })
    }
}

impl Word for Sleeps {
    const ALLOWED: &'static str = "unknown, never, always, sometimes, on-rt, on-bh-lock, `gfp INDEX`, `if-true INDEX`, `if-false INDEX`, `if-bit INDEX VALUE` or `unless-bit INDEX VALUE`";
    fn read(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let sleeps = match words.next().unwrap_or("") {
            "unknown" => Sleeps::Unknown,
            "never" => Sleeps::Never,
            "always" => Sleeps::Always,
            "sometimes" => Sleeps::Sometimes,
            "on-rt" => Sleeps::OnRt,
            "on-bh-lock" => Sleeps::OnBhLock,
            "gfp" => Sleeps::Gfp(argument(words.next())?),
            "if-true" => Sleeps::IfTrue(argument(words.next())?),
            "if-false" => Sleeps::IfFalse(argument(words.next())?),
            "if-bit" => {
                let index = argument(words.next())?;
                Sleeps::IfBit(index, mask(words.next())?)
            }
            "unless-bit" => {
                let index = argument(words.next())?;
                Sleeps::UnlessBit(index, mask(words.next())?)
            }
            word => return Err(unknown(word)),
        };
        no_more(words)?;
        Ok(sleeps)
    }
}

impl Word for Returns {
    const ALLOWED: &'static str =
        "unknown, non-null, may-null, rarely-null, err-ptr, null-or-err-ptr, errno, eintr, `arg INDEX` or `error-arg INDEX`";
    fn read(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let returns = match words.next().unwrap_or("") {
            "unknown" => Returns::Unknown,
            "non-null" => Returns::NonNull,
            "may-null" => Returns::MayNull,
            "rarely-null" => Returns::RarelyNull,
            "err-ptr" => Returns::ErrPtr,
            "null-or-err-ptr" => Returns::NullOrErrPtr,
            "errno" => Returns::Errno,
            "eintr" => Returns::Interrupted,
            "arg" => Returns::Arg(argument(words.next())?),
            "error-arg" => Returns::ErrorArg(argument(words.next())?),
            word => return Err(unknown(word)),
        };
        no_more(words)?;
        Ok(returns)
    }
}

impl Word for FreeEffect {
    const ALLOWED: &'static str = "`INDEX`, `INDEX grace`, `INDEX if-pointer`, `INDEX last`, `INDEX put` or `INDEX handle`";
    fn read(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let index = argument(words.next())?;
        let how = match words.next() {
            None => FreeHow::Now,
            Some("grace") => FreeHow::Grace,
            Some("if-pointer") => FreeHow::IfPointer,
            Some("last") => FreeHow::Last,
            Some("put") => FreeHow::Put,
            Some("handle") => FreeHow::Handle,
            Some(word) => return Err(unknown(word)),
        };
        no_more(words)?;
        Ok(FreeEffect { argument: index, how })
    }
}

impl Word for MoveEffect {
    const ALLOWED: &'static str = "INDEX.MEMBER [if-nonzero|if-zero]";
    fn read(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let place = words.next().unwrap_or("");
        let (index, member) = place.split_once('.').ok_or_else(|| unknown(place))?;
        let success = match words.next() {
            None => Success::Always,
            Some("if-nonzero") => Success::NonZero,
            Some("if-zero") => Success::Zero,
            Some(word) => return Err(unknown(word)),
        };
        no_more(words)?;
        Ok(MoveEffect { argument: argument(Some(index))?, member: identifier(member)?, success })
    }
}

impl Word for MemoryEffect {
    const ALLOWED: &'static str =
        "`read INDEX` or `write INDEX` (the argument names the place), `load INDEX` or `store INDEX` (it points to it), then perhaps plain";
    fn read(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let (named, store) = match words.next().unwrap_or("") {
            "read" => (true, false),
            "write" => (true, true),
            "load" => (false, false),
            "store" => (false, true),
            word => return Err(unknown(word)),
        };
        let argument = argument(words.next())?;
        let marked = match words.next() {
            None => true,
            Some("plain") => false,
            Some(word) => return Err(unknown(word)),
        };
        no_more(words)?;
        Ok(MemoryEffect { argument, named, store, marked })
    }
}

/// A class of locks as findings name it: a member of a record, or a lock of the whole kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LockClass(pub Symbol);

impl Word for LockClass {
    const ALLOWED: &'static str = "`RECORD.FIELD`, or one C identifier";
    fn read(text: &str) -> Result<Self, String> {
        let parts = text.split_once('.').map_or((text, None), |(record, field)| (record, Some(field)));
        identifier(parts.0)?;
        parts.1.map_or(Ok(Symbol::EMPTY), identifier)?;
        Ok(LockClass(Symbol::intern(text)))
    }
}

impl Word for Section {
    const ALLOWED: &'static str = "rcu, bh, sched or `srcu INDEX`";
    fn read(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let section = match words.next().unwrap_or("") {
            "rcu" => Section::Rcu,
            "bh" => Section::Bh,
            "sched" => Section::Sched,
            "srcu" => Section::Srcu(argument(words.next())?),
            word => return Err(unknown(word)),
        };
        no_more(words)?;
        Ok(section)
    }
}

impl Word for PerCpu {
    const ALLOWED: &'static str = "this or any";
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "this" => Ok(PerCpu::This),
            "any" => Ok(PerCpu::Any),
            _ => Err(unknown(text)),
        }
    }
}

/// A reference operation on an argument.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefWord(pub RefEffect);

impl Word for RefWord {
    const ALLOWED: &'static str = "OP INDEX[.MEMBER] [COUNTER], where OP is get, put, get-unless-zero, get-unless-error or init, and COUNTER lower-case letters, digits and `-`";
    fn read(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let op = match words.next().unwrap_or("") {
            "get" => RefOp::Get,
            "put" => RefOp::Put,
            "get-unless-zero" => RefOp::GetUnlessZero,
            "get-unless-error" => RefOp::GetUnlessError,
            "init" => RefOp::Init,
            word => return Err(unknown(word)),
        };
        let place = words.next().unwrap_or("");
        let (index, member) = place.split_once('.').map_or((place, ""), |parts| parts);
        let argument = argument(Some(index))?;
        let member = if place == index { Symbol::EMPTY } else { identifier(member)? };
        let counter = words.next().map_or(Ok(Symbol::EMPTY), |word| Tag::read(word).map(|tag| tag.0))?;
        no_more(words)?;
        Ok(RefWord(RefEffect { argument, member, op, counter }))
    }
}

impl Word for Assert {
    const ALLOWED: &'static str = "`held LOCK`, `not-held LOCK`, may-sleep, irqs-off, softirq or in-task";
    fn read(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let assert = match words.next().unwrap_or("") {
            "held" => Assert::Held(lock_ref(words.next())?),
            "not-held" => Assert::NotHeld(lock_ref(words.next())?),
            "may-sleep" => Assert::MaySleep,
            "irqs-off" => Assert::IrqsOff,
            "softirq" => Assert::Softirq,
            "in-task" => Assert::InTask,
            word => return Err(unknown(word)),
        };
        no_more(words)?;
        Ok(assert)
    }
}

impl Word for When {
    const ALLOWED: &'static str = "`bit INDEX VALUE`, `no-bit INDEX VALUE`, `zero INDEX`, `not-zero INDEX` or `named INDEX NAME`";
    fn read(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let word = words.next().unwrap_or("");
        let argument = argument(words.next())?;
        let test = match word {
            "bit" => ArgumentTest::Bit(mask(words.next())?),
            "no-bit" => ArgumentTest::NoBit(mask(words.next())?),
            "zero" => ArgumentTest::Zero,
            "not-zero" => ArgumentTest::NotZero,
            "named" => ArgumentTest::Named(identifier(words.next().unwrap_or(""))?),
            word => return Err(unknown(word)),
        };
        no_more(words)?;
        Ok(When { argument, test })
    }
}

impl Word for Setting {
    const ALLOWED: &'static str = "RECORD.MEMBER [ENUMERATOR], or FUNCTION() INDEX [ENUMERATOR]";
    fn read(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let place = words.next().unwrap_or("");
        let (record, member, argument) = match place.strip_suffix("()") {
            Some(function) => (Symbol::EMPTY, function, argument(words.next())?),
            None => {
                let (record, member) = place.split_once('.').ok_or_else(|| unknown(place))?;
                (identifier(record)?, member, 0)
            }
        };
        let bits = words.next().map_or(Ok(Symbol::EMPTY), identifier)?;
        no_more(words)?;
        Ok(Setting { record, member: identifier(member)?, argument, bits })
    }
}

impl Word for Asks {
    const ALLOWED: &'static str = "context or interrupt";
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "context" => Ok(Asks::Context),
            "interrupt" => Ok(Asks::Interrupt),
            _ => Err(unknown(text)),
        }
    }
}

impl Word for Test {
    const ALLOWED: &'static str = "is-err, is-err-or-null, null, truth, warning, ptr-err-or-zero, bug-on or may-reclaim";
    fn read(text: &str) -> Result<Self, String> {
        Ok(match text {
            "is-err" => Test::IsErr,
            "is-err-or-null" => Test::IsErrOrNull,
            "truth" => Test::Truth,
            "warning" => Test::Warning,
            "null" => Test::IsNull,
            "ptr-err-or-zero" => Test::PtrErrOrZero,
            "bug-on" => Test::BugOn,
            "may-reclaim" => Test::MayReclaim,
            _ => return Err(unknown(text)),
        })
    }
}

impl Word for Context {
    const ALLOWED: &'static str = "task, softirq, hardirq, nmi or inherit, then any of preempt-off, bh-off, irq-off, irq-maybe-off, rcu, lock:NAME=KIND, sometimes, tasks-too, quiescent";
    fn read(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let level = match words.next().unwrap_or("") {
            "task" => Level::Task,
            "softirq" => Level::Softirq,
            "hardirq" => Level::Hardirq,
            "nmi" => Level::Nmi,
            "inherit" => Level::Inherit,
            word => return Err(unknown(word)),
        };
        let mut context = Context { level, ..Context::default() };
        for word in words {
            match word {
                "preempt-off" => context.preempt_off = true,
                "bh-off" => context.bh_off = true,
                "irq-off" => context.irq_off = true,
                "irq-maybe-off" => context.irq_maybe_off = true,
                "rcu" => context.rcu = true,
                "sometimes" => context.sometimes = true,
                "tasks-too" => context.tasks_too = true,
                "quiescent" => context.quiescent = true,
                _ => {
                    let lock = word.strip_prefix("lock:").and_then(|lock| lock.split_once('='));
                    let (name, word) = lock.ok_or_else(|| unknown(word))?;
                    let fits = !name.is_empty() && name.split('.').all(|part| identifier(part).is_ok());
                    if !fits {
                        return Err(unknown(name));
                    }
                    context.locks.push((Symbol::intern(name), kind(word)?));
                }
            }
        }
        Ok(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_words() {
        let effect = LockEffect::read("mutex 0 if-zero").expect("valid");
        assert_eq!(effect.lock, LockRef::Arg(0));
        assert_eq!((effect.kind, effect.mode, effect.success), (LockKind::Mutex, LockMode::Exclusive, Success::Zero));
        let effect = LockEffect::read("sock member:0.sock.sk_lock shared").expect("valid");
        assert_eq!((effect.lock, effect.mode), (LockRef::Member(0, Symbol::intern("sock"), Symbol::intern("sk_lock")), LockMode::Shared));
        for bad in ["", "mutex", "mutex 99", "mutex member:0", "mutex 0 often", "lock 0", "mutex named:a-b"] {
            assert!(LockEffect::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_kind_has_a_word() {
        for (word, kind) in KINDS {
            assert_eq!(LockEffect::read(&format!("{word} 1")).expect("valid").kind, kind);
            assert!(LockEffect::ALLOWED.contains(word), "{word} is not in the help");
        }
    }

    #[test]
    fn kernel_lock_words() {
        let lock = KernelLock::read("rwsem mm_struct.mmap_lock shared").expect("valid");
        assert_eq!((lock.record, lock.name, lock.mode), (Symbol::intern("mm_struct"), Symbol::intern("mmap_lock"), LockMode::Shared));
        let lock = KernelLock::read("mutex rtnl").expect("valid");
        assert_eq!((lock.record, lock.kind, lock.mode), (Symbol::EMPTY, LockKind::Mutex, LockMode::Exclusive));
        for bad in ["", "mutex", "lock rtnl", "mutex a.b.c", "mutex rtnl twice", "mutex rtnl shared shared"] {
            assert!(KernelLock::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn context_words() {
        let context = Context::read("task bh-off lock:net_device.addr_list_lock=spin sometimes").expect("valid");
        assert!(context.bh_off && context.sometimes && context.atomic());
        assert_eq!(context.locks, [(Symbol::intern("net_device.addr_list_lock"), LockKind::Spin)]);
        assert!(!Context::read("task lock:rtnl=sleeping").expect("valid").atomic());
        for bad in ["", "process", "task lock:rtnl", "task lock:=spin", "task lock:a b=spin", "task maybe"] {
            assert!(Context::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sleep_and_return_words() {
        assert_eq!(Sleeps::read("gfp 1"), Ok(Sleeps::Gfp(1)));
        assert_eq!(Sleeps::read("if-bit 0 0x200"), Ok(Sleeps::IfBit(0, 0x200)));
        assert_eq!(Sleeps::read("unless-bit 2 0x80"), Ok(Sleeps::UnlessBit(2, 0x80)));
        assert_eq!(Returns::read("arg 0"), Ok(Returns::Arg(0)));
        assert_eq!(Returns::read("error-arg 0"), Ok(Returns::ErrorArg(0)));
        assert!(Sleeps::read("gfp").is_err() && Sleeps::read("always 1").is_err() && Returns::read("null").is_err());
    }
}
