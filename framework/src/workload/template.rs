//! Fills in the templates of workload texts: `%r`, `%n`, `%a`, `%i`.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::address::Address;

/// Fills in templates for one command of one client.
pub(super) struct Filler {
    seed: u64,
    address: Address,
    index: usize,
}

const ALPHANUMERIC: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

impl Filler {
    pub(super) fn new(seed: u64, address: Address, index: usize) -> Self {
        Self { seed, address, index }
    }

    /// The text with every template replaced. A `%` before anything else stays.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            out.push_str(&rest[..at]);
            let token = &rest[at + 1..];
            let digits = |from: &str| from.bytes().take_while(u8::is_ascii_digit).count();
            let used = match token.bytes().next() {
                Some(b'%') => {
                    out.push('%');
                    1
                }
                Some(b'a') => {
                    out.push_str(&self.address.to_string());
                    1
                }
                Some(b'i') => {
                    let number = self.index + 1;
                    let (number, used) = match token.get(1..3) {
                        Some("-1") => (number - 1, 3),
                        Some("+1") => (number + 1, 3),
                        _ => (number, 1),
                    };
                    out.push_str(&number.to_string());
                    used
                }
                Some(b'r') => {
                    let len = digits(&token[1..]);
                    let count = token[1..=len].parse().unwrap_or(8);
                    out.extend((0..count).map(|i| {
                        let letter = self.draw('r', count, i) % ALPHANUMERIC.len() as u64;
                        char::from(ALPHANUMERIC[usize::try_from(letter).expect("below 62")])
                    }));
                    1 + len
                }
                Some(b'n') => {
                    let len = digits(&token[1..]);
                    let limit = token[1..=len].parse::<u64>().unwrap_or(100).max(1);
                    out.push_str(&(1 + self.draw('n', limit, 0) % limit).to_string());
                    1 + len
                }
                _ => {
                    out.push('%');
                    0
                }
            };
            rest = &token[used..];
        }
        out.push_str(rest);
        out
    }

    /// A random number that depends on the template, the seed, the client and the command alone.
    fn draw(&self, kind: char, size: u64, i: u64) -> u64 {
        let what = format!("{kind}{size}/{i}/{}/{}", self.address, self.index);
        xxh3_64_with_seed(what.as_bytes(), self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(seed: u64, index: usize, text: &str) -> String {
        Filler::new(seed, Address::client(2), index).fill(text)
    }

    #[test]
    fn fills_in_every_template() {
        assert_eq!(fill(0, 4, "PUT:%a-%i:%i-1/%i+1 100%%"), "PUT:client2-5:4/6 100%");
        assert_eq!(fill(0, 0, "%r").len(), 8);
        assert_eq!(fill(0, 0, "%r3x").len(), 4);
        assert_eq!(fill(0, 0, "a%"), "a%");
        assert_eq!(fill(0, 0, "%z"), "%z");
        for index in 0..100 {
            let number: u64 = fill(0, index, "%n7").parse().unwrap();
            assert!((1..=7).contains(&number));
        }
    }

    #[test]
    fn the_same_template_is_the_same_text_within_a_command_and_another_elsewhere() {
        let filled = fill(3, 0, "%r8 %r8");
        let (first, second) = filled.split_once(' ').unwrap();
        assert_eq!(first, second);
        assert_ne!(fill(3, 0, "%r"), fill(3, 1, "%r"));
        assert_ne!(fill(3, 0, "%r"), fill(4, 0, "%r"));
    }
}
