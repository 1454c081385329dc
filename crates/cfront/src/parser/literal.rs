//! The values of literals.

/// A floating constant as the bits of a `double`, and its type's size. What is malformed is nought.
pub(super) fn float(text: &str) -> (u64, u8) {
    let hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    let (digits, size) = match text.as_bytes().last() {
        Some(b'f' | b'F') if !hexadecimal || text.contains(['p', 'P']) => (&text[..text.len() - 1], 4),
        Some(b'l' | b'L') => (&text[..text.len() - 1], 16),
        _ => (text, 8),
    };
    let value = if hexadecimal { hexadecimal_float(&digits[2..]) } else { digits.parse().ok() };
    let value = value.unwrap_or(0.0);
    // A constant of type `float` is rounded once.
    let value = if size == 4 { f64::from(digits.parse::<f32>().ok().filter(|_| !hexadecimal).unwrap_or(value as f32)) } else { value };
    (value.to_bits(), size)
}

/// `1.8p3` is 12.
fn hexadecimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut value = 0.0;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let exponent: i32 = exponent.parse().ok()?;
    Some(value * f64::from(exponent.checked_sub(4 * i32::try_from(fraction.len()).ok()?)?).exp2())
}

/// Value, unsigned, and 0, 1 or 2 for `long`. A minus sign is no part of a literal, but values of configuration options have it.
pub(super) fn integer(text: &str) -> Option<(u64, bool, u8)> {
    if let Some(rest) = text.strip_prefix('-') {
        return integer(rest).filter(|_| !rest.starts_with('-')).map(|(value, _, long)| (value.wrapping_neg(), false, long));
    }
    let lower = text.as_bytes();
    let (radix, digits) = match lower {
        [b'0', b'x' | b'X', rest @ ..] => (16u64, rest),
        [b'0', b'b' | b'B', rest @ ..] => (2, rest),
        [b'0', rest @ ..] if rest.first().is_some_and(u8::is_ascii_digit) => (8, rest),
        _ => (10, lower),
    };
    let mut value: u64 = 0;
    let mut used = 0;
    for &byte in digits {
        let digit = match byte {
            b'0'..=b'9' => u64::from(byte - b'0'),
            b'a'..=b'f' if radix == 16 => u64::from(byte - b'a' + 10),
            b'A'..=b'F' if radix == 16 => u64::from(byte - b'A' + 10),
            b'\'' => {
                used += 1;
                continue;
            }
            _ => break,
        };
        if digit >= radix {
            return None;
        }
        value = value.wrapping_mul(radix).wrapping_add(digit);
        used += 1;
    }
    if used == 0 {
        return None;
    }
    let mut unsigned = false;
    let mut long = 0u8;
    let mut suffix = &digits[used..];
    loop {
        suffix = match suffix {
            [b'u' | b'U', rest @ ..] if !unsigned => {
                unsigned = true;
                rest
            }
            [b'l', b'l', rest @ ..] | [b'L', b'L', rest @ ..] if long == 0 => {
                long = 2;
                rest
            }
            [b'l' | b'L', rest @ ..] if long == 0 => {
                long = 1;
                rest
            }
            [] => break,
            _ => return None,
        };
    }
    // The type is the first in which the value fits: decimal constants stay signed, others may become unsigned.
    if long == 0 {
        let fits_int = value <= i32::MAX as u64;
        let fits_unsigned = value <= u64::from(u32::MAX) && (unsigned || radix != 10);
        if !fits_int && !fits_unsigned {
            long = 1;
        } else if !fits_int {
            unsigned = true;
        }
    }
    if long > 0 && value > i64::MAX as u64 {
        unsigned = true;
    }
    Some((value, unsigned, long))
}

/// The bytes of a character or string literal's inside, escapes decoded.
fn unescape(body: &[u8], out: &mut Vec<u8>) {
    let mut i = 0;
    while let Some(&byte) = body.get(i) {
        i += 1;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some(&escape) = body.get(i) else { return };
        i += 1;
        match escape {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'v' => out.push(11),
            b'e' | b'E' => out.push(27),
            b'0'..=b'7' => {
                let mut value = u32::from(escape - b'0');
                for _ in 0..2 {
                    let Some(&digit @ b'0'..=b'7') = body.get(i) else { break };
                    value = value * 8 + u32::from(digit - b'0');
                    i += 1;
                }
                out.push(value as u8);
            }
            b'x' => {
                let mut value = 0u32;
                while let Some(digit) = body.get(i).and_then(|&b| (b as char).to_digit(16)) {
                    value = (value << 4 | digit) & 0xff;
                    i += 1;
                }
                out.push(value as u8);
            }
            b'\n' => {}
            other => out.push(other),
        }
    }
}

fn inside(text: &str, quote: char) -> &str {
    let start = text.find(quote).map_or(text.len(), |at| at + 1);
    let rest = &text[start..];
    rest.strip_suffix(quote).unwrap_or(rest)
}

/// Appends the text of one string literal as written.
pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    unescape(inside(text, '"').as_bytes(), out);
}

/// The value of a character constant: `char` is signed, several characters make one number.
pub(super) fn character(text: &str) -> Option<u64> {
    let mut bytes = Vec::with_capacity(8);
    unescape(inside(text, '\'').as_bytes(), &mut bytes);
    match bytes[..] {
        [] => None,
        [one] if !text.starts_with(['L', 'u', 'U']) => Some(i64::from(one as i8) as u64),
        _ => Some(u64::from(bytes.iter().fold(0u32, |value, &b| value << 8 | u32::from(b)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_the_type_c_gives_them() {
        assert_eq!(integer("0"), Some((0, false, 0)));
        assert_eq!(integer("017"), Some((15, false, 0)));
        assert_eq!(integer("0xffffffff"), Some((0xffff_ffff, true, 0)));
        assert_eq!(integer("4294967295"), Some((0xffff_ffff, false, 1)));
        assert_eq!(integer("0x10UL"), Some((16, true, 1)));
        assert_eq!(integer("1ull"), Some((1, true, 2)));
        assert_eq!(integer("0b101"), Some((5, false, 0)));
        assert_eq!(integer("0xffffffffffffffff"), Some((u64::MAX, true, 1)));
        assert_eq!(integer("09"), None);
        assert_eq!(integer("1x"), None);
        assert_eq!(integer("0x"), None);
    }

    #[test]
    fn characters_and_strings() {
        assert_eq!(character("'a'"), Some(97));
        assert_eq!(character("'\\n'"), Some(10));
        assert_eq!(character("'\\xff'"), Some(u64::MAX));
        assert_eq!(character("'ab'"), Some(97 * 256 + 98));
        assert_eq!(character("''"), None);
        let mut out = Vec::new();
        string("\"a\\tb\\0\"", &mut out);
        string("L\"\\x41\\\"\"", &mut out);
        assert_eq!(out, b"a\tb\0A\"");
    }
}
