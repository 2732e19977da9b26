//! Words and numbers for people.

use search::Coverage;

/// `1 state`, `12,345 states`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// `12,345`.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `0.03 s`, `12.3 s`.
pub(crate) fn seconds(seconds: f64) -> String {
    if seconds < 10.0 { format!("{seconds:.2} s") } else { format!("{seconds:.1} s") }
}

/// What was covered completely.
pub(crate) fn depth_covered(coverage: &Coverage, depth: u32) -> String {
    match (coverage.exhausted, coverage.complete_depth) {
        (true, _) => format!("all there are, to depth {depth}"),
        (false, Some(complete)) => format!("all of them to depth {complete}, some to depth {depth}"),
        (false, None) => format!("to depth {depth}"),
    }
}

/// What a search covered and what is suspicious about it, without what is always so.
pub(crate) fn coverage(coverage: &Coverage) -> Vec<String> {
    let text = coverage.to_string();
    let of_interest = text
        .lines()
        .filter(|line| !line.starts_with("every state") && !line.starts_with("some states"))
        .filter(|line| !line.starts_with("commutation rule"));
    let mut lines: Vec<String> = of_interest.map(str::to_owned).collect();
    if coverage.handlers.is_empty() {
        lines.push("no handler ran: nothing was sent, and no timer was set".to_owned());
    }
    lines
}

/// One line of at most `width` columns, without what a terminal would act on.
pub(crate) fn fit(line: &str, width: usize) -> String {
    let clean = line.chars().map(|c| if is_harmless(c) { c } else { '\u{fffd}' });
    let mut text: String = clean.clone().take(width).collect();
    if clean.count() > width {
        text.pop();
        text.push('…');
    }
    text
}

/// Neither a control character nor one that reverses the direction of writing.
fn is_harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Breaks a text at spaces into lines of at most `width` columns; its own line breaks stay.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(fit(&line, width));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(fit(&line, width));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!((counted(1, "state"), counted(0, "state")), ("1 state".to_owned(), "0 states".to_owned()));
        assert_eq!([0.031, 12.34].map(seconds), ["0.03 s", "12.3 s"]);
    }

    #[test]
    fn lines_fit_and_do_nothing_to_a_terminal() {
        assert_eq!(fit("abcdef", 4), "abc…");
        assert_eq!(fit("abcd", 4), "abcd");
        assert_eq!(fit("a\x1b[2Jb", 10), "a\u{fffd}[2Jb");
    }

    #[test]
    fn long_texts_are_broken_at_spaces() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("unbreakable", 5), ["unbr…"]);
        assert_eq!(wrapped("a\nb", 5), ["a", "b"]);
    }
}
