//! What a configuration symbol is worth: from the default configuration's data file, or from a `.config`.
//!
//! Decides per architecture, because a file under `arch/X` is read as if the kernel were built for X in its 64-bit form.
//! Does not follow Kconfig's dependencies: by default everything is on but what the data file names.

use crate::program::Config;
use rustc_hash::FxHashMap;

const DATA: &str = include_str!("../data/options.txt");

/// Every option and every predefined name of one architecture.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Without the `CONFIG_` prefix.
    exact: FxHashMap<String, Option<i64>>,
    /// Beginnings and ends of names, with what they are worth; later entries win.
    patterns: Vec<(Pattern, Option<i64>)>,
    /// Options that nothing names are on.
    everything: bool,
    predefined: FxHashMap<String, i64>,
    values: FxHashMap<String, i64>,
    linux_version: (u32, u32, u32),
}

#[derive(Clone, Debug)]
enum Pattern {
    Prefix(String),
    Suffix(String),
    Both(String, String),
}

impl Pattern {
    fn new(text: &str) -> Option<Pattern> {
        let (before, after) = text.split_once('*')?;
        Some(match (before, after) {
            (b, "") => Pattern::Prefix(b.to_owned()),
            ("", a) => Pattern::Suffix(a.to_owned()),
            (b, a) => Pattern::Both(b.to_owned(), a.to_owned()),
        })
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Pattern::Prefix(p) => name.starts_with(p.as_str()),
            Pattern::Suffix(s) => name.ends_with(s.as_str()),
            Pattern::Both(p, s) => name.len() >= p.len() + s.len() && name.starts_with(p.as_str()) && name.ends_with(s.as_str()),
        }
    }
}

/// An integer as the data file and `.config` write it.
fn number(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1i128, rest),
        None => (1, text),
    };
    let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => i128::from(u64::from_str_radix(hex, 16).ok()?),
        None => i128::from(digits.parse::<u64>().ok()?),
    };
    Some((sign * value) as i64)
}

impl Options {
    /// The options as files of architecture `arch` see them.
    pub fn new(config: &Config, arch: &str) -> Options {
        let mut options =
            Options { everything: true, linux_version: config.linux_version.unwrap_or((255, 255, 255)), ..Options::default() };
        let mut architectures: Vec<&str> = Vec::new();
        let mut section = ("", "");
        for line in DATA.lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(head) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                section = head.split_once(' ').unwrap_or((head, ""));
                if section.0 == "options" && !section.1.is_empty() {
                    architectures.push(section.1);
                }
                continue;
            }
            if !section.1.is_empty() && section.1 != arch {
                continue;
            }
            let (name, value) = match line.split_once('=') {
                Some((name, value)) => (name.trim(), number(value.trim())),
                None => match line.split_once(' ') {
                    Some((name, "on")) => (name, Some(1)),
                    Some((name, _)) => (name, None),
                    None => continue,
                },
            };
            match section.0 {
                "options" => options.set(name, value),
                "predefined" => match value {
                    Some(v) => drop(options.predefined.insert(name.to_owned(), v)),
                    None => drop(options.predefined.remove(name)),
                },
                _ => drop(options.values.insert(name.to_owned(), value.unwrap_or(0))),
            }
        }
        if let Some(text) = &config.dotconfig {
            options.read_dotconfig(text, &config.arch, arch);
        }
        if config.preempt_rt {
            options.set("PREEMPT_RT", Some(1));
        }
        for (name, value) in &config.defines {
            match name.strip_prefix("CONFIG_") {
                Some(option) => options.set(option, Some(*value)),
                None => drop(options.predefined.insert(name.clone(), *value)),
            }
        }
        if options.config_value("CONFIG_64BIT").is_none() {
            options.values.insert("BITS_PER_LONG".to_owned(), 32);
            options.values.insert("__BITS_PER_LONG".to_owned(), 32);
        }
        for name in ["PAGE_SHIFT", "HZ", "NR_CPUS", "NODES_SHIFT"] {
            if let Some(&Some(v)) = options.exact.get(name) {
                options.values.insert(name.to_owned(), v);
                if name == "PAGE_SHIFT" {
                    options.values.insert("PAGE_SIZE".to_owned(), 1i64.checked_shl(v as u32).unwrap_or(4096));
                }
            }
        }
        options
    }

    fn set(&mut self, name: &str, value: Option<i64>) {
        match Pattern::new(name) {
            Some(pattern) => self.patterns.push((pattern, value)),
            None => drop(self.exact.insert(name.to_owned(), value)),
        }
    }

    /// Replaces the default by a `.config`, which speaks for `own_arch`. For files of another architecture the switch between
    /// the two is made, everything else stays.
    fn read_dotconfig(&mut self, text: &str, own_arch: &str, arch: &str) {
        let switches: Vec<(String, Option<i64>)> = if own_arch == arch {
            Vec::new()
        } else {
            const SWITCHES: [&str; 24] = [
                "ALPHA",
                "ARC",
                "ARM",
                "ARM64",
                "CSKY",
                "HEXAGON",
                "LOONGARCH",
                "M68K",
                "MICROBLAZE",
                "MIPS",
                "NIOS2",
                "OPENRISC",
                "PARISC",
                "PPC",
                "PPC64",
                "RISCV",
                "S390",
                "SUPERH",
                "SPARC",
                "SPARC64",
                "X86",
                "X86_64",
                "XTENSA",
                "64BIT",
            ];
            SWITCHES.iter().map(|&s| (s.to_owned(), self.config_value(&format!("CONFIG_{s}")))).collect()
        };
        self.exact.clear();
        self.patterns.clear();
        self.everything = false;
        for line in text.lines() {
            let line = line.trim();
            let Some((name, value)) = line.strip_prefix("CONFIG_").and_then(|l| l.split_once('=')) else { continue };
            let value = value.trim();
            match value {
                "y" => drop(self.exact.insert(name.trim().to_owned(), Some(1))),
                "n" => {}
                "m" => drop(self.exact.insert(format!("{}_MODULE", name.trim()), Some(1))),
                // A string is defined; it has no value that a condition could use.
                _ => drop(self.exact.insert(name.trim().to_owned(), Some(number(value).unwrap_or(0)))),
            }
        }
        self.exact.extend(switches);
    }

    /// The value of `CONFIG_X` (1 for `y`); `None`: not defined. Names without the prefix are no configuration.
    pub fn config_value(&self, name: &str) -> Option<i64> {
        let name = name.strip_prefix("CONFIG_")?;
        if let Some(value) = self.exact.get(name) {
            return *value;
        }
        if !self.everything || name.ends_with("_MODULE") {
            return None;
        }
        self.patterns.iter().rev().find(|(p, _)| p.matches(name)).map_or(Some(1), |(_, value)| *value)
    }

    /// The value of a macro that the compiler or the command line defines.
    pub fn predefined(&self, name: &str) -> Option<i64> {
        self.predefined.get(name).copied()
    }

    /// The value of a name that conditions use although some other header defines it. It does not make the name defined.
    pub fn known_value(&self, name: &str) -> Option<i64> {
        if name == "LINUX_VERSION_CODE" {
            let (a, b, c) = self.linux_version;
            return Some((i64::from(a) << 16) + (i64::from(b) << 8) + i64::from(c.min(255)));
        }
        self.values.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_on_but_the_list() {
        let options = Options::new(&Config::default(), "x86");
        assert_eq!(options.config_value("CONFIG_SMP"), Some(1));
        assert_eq!(options.config_value("CONFIG_SOME_NEW_DRIVER"), Some(1));
        assert_eq!(options.config_value("CONFIG_SOME_NEW_DRIVER_MODULE"), None);
        assert_eq!(options.config_value("CONFIG_PREEMPT_RT"), None);
        assert_eq!(options.config_value("CONFIG_KASAN_GENERIC"), None);
        assert_eq!(options.config_value("CONFIG_FOO_DEBUG"), None);
        assert_eq!(options.config_value("CONFIG_DEBUG_FS"), Some(1));
        assert_eq!(options.config_value("CONFIG_NR_CPUS"), Some(8192));
        assert_eq!(options.config_value("CONFIG_X86_64"), Some(1));
        assert_eq!(options.config_value("CONFIG_ARM64"), None);
        assert_eq!(options.predefined("__x86_64__"), Some(1));
        assert_eq!(options.predefined("__clang__"), None);
        assert_eq!(options.config_value("SMP"), None);
    }

    #[test]
    fn other_architectures() {
        let arm = Options::new(&Config::default(), "arm64");
        assert_eq!((arm.config_value("CONFIG_ARM64"), arm.config_value("CONFIG_X86")), (Some(1), None));
        assert_eq!(arm.predefined("__aarch64__"), Some(1));
        let old = Options::new(&Config::default(), "arm");
        assert_eq!((old.config_value("CONFIG_64BIT"), old.known_value("BITS_PER_LONG")), (None, Some(32)));
        let power = Options::new(&Config::default(), "powerpc");
        assert_eq!((power.config_value("CONFIG_PPC_POWERNV"), power.config_value("CONFIG_PPC32")), (Some(1), None));
    }

    #[test]
    fn a_dotconfig_replaces_the_default() {
        let text = "CONFIG_SMP=y\nCONFIG_HZ=1000\n# CONFIG_NUMA is not set\nCONFIG_EXT4_FS=m\nCONFIG_X86=y\n".to_owned();
        let config = Config { dotconfig: Some(text), ..Config::default() };
        let options = Options::new(&config, "x86");
        assert_eq!(options.config_value("CONFIG_SMP"), Some(1));
        assert_eq!(options.config_value("CONFIG_HZ"), Some(1000));
        assert_eq!(options.config_value("CONFIG_NUMA"), None);
        assert_eq!(options.config_value("CONFIG_EXT4_FS"), None);
        assert_eq!(options.config_value("CONFIG_EXT4_FS_MODULE"), Some(1));
        assert_eq!(options.config_value("CONFIG_UNKNOWN"), None);
        let arm = Options::new(&config, "arm64");
        assert_eq!((arm.config_value("CONFIG_ARM64"), arm.config_value("CONFIG_X86")), (Some(1), None));
    }
}
