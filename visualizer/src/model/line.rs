//! A line of text in parts, each with a role: what a terminal paints, a page marks up, and plain text just prints.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What a piece of text is, for whoever chooses its colour. No role is told by colour alone: there is a sign or a word
/// beside each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Nothing special.
    #[default]
    Plain,
    /// Of less interest.
    Dim,
    /// A heading or the name of a thing.
    Strong,
    /// A node.
    Node,
    /// What an event carries.
    Label,
    /// New.
    Added,
    /// Gone.
    Removed,
    /// Different.
    Changed,
    /// Wrong.
    Bad,
    /// As it should be.
    Good,
    /// A key to press.
    Key,
    /// On the way from cause to effect.
    Cause,
    /// Found by a search.
    Found,
}

/// A piece of a [`Line`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// What it says; without control characters.
    pub text: String,
    /// What it is.
    pub role: Role,
}

/// A line in parts. Texts of students may contain anything; what a terminal would act on is escaped when it is added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    spans: Vec<Span>,
}

impl Line {
    /// An empty line.
    pub fn new() -> Self {
        Self::default()
    }

    /// A line of one part.
    pub fn of(role: Role, text: impl AsRef<str>) -> Self {
        Self::new().with(role, text)
    }

    /// A line of plain text.
    pub fn plain(text: impl AsRef<str>) -> Self {
        Self::of(Role::Plain, text)
    }

    /// Adds a part.
    #[must_use]
    pub fn with(mut self, role: Role, text: impl AsRef<str>) -> Self {
        self.push(role, text);
        self
    }

    /// Adds a part.
    pub fn push(&mut self, role: Role, text: impl AsRef<str>) {
        let text = harmless(text.as_ref());
        if text.is_empty() {
            return;
        }
        match self.spans.last_mut() {
            Some(last) if last.role == role => last.text.push_str(&text),
            _ => self.spans.push(Span { text, role }),
        }
    }

    /// Adds all parts of another line.
    pub fn append(&mut self, other: Self) {
        for span in other.spans {
            self.push(span.role, span.text);
        }
    }

    /// With all parts of another line.
    #[must_use]
    pub fn joined(mut self, other: Self) -> Self {
        self.append(other);
        self
    }

    /// Adds spaces up to a column.
    pub fn pad_to(&mut self, column: usize) {
        let missing = column.saturating_sub(self.width());
        self.push(Role::Plain, " ".repeat(missing));
    }

    /// The parts.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The columns it takes.
    pub fn width(&self) -> usize {
        self.spans.iter().map(|span| span.text.width()).sum()
    }

    /// The line cut to a width, with `more` as the last character if it was longer.
    #[must_use]
    pub fn fit(&self, width: usize, more: &str) -> Self {
        if self.width() <= width {
            return self.clone();
        }
        let room = width.saturating_sub(more.width());
        let (mut cut, mut used) = (Self::new(), 0);
        let mut role = Role::Plain;
        'cut: for span in &self.spans {
            role = span.role;
            for c in span.text.chars() {
                let wide = c.width().unwrap_or_default();
                if used + wide > room {
                    break 'cut;
                }
                used += wide;
                cut.push(role, c.encode_utf8(&mut [0; 4]));
            }
        }
        if more.width() <= width {
            cut.push(role, more);
        }
        cut
    }

    /// The line without spaces at its end.
    #[must_use]
    pub fn trim_end(mut self) -> Self {
        while let Some(last) = self.spans.last_mut() {
            last.text.truncate(last.text.trim_end().len());
            if !last.text.is_empty() {
                break;
            }
            self.spans.pop();
        }
        self
    }

    /// The same line, all of it in one role.
    #[must_use]
    pub fn all(&self, role: Role) -> Self {
        Self::of(role, self.text())
    }

    /// The text without roles.
    pub fn text(&self) -> String {
        self.spans.iter().map(|span| span.text.as_str()).collect()
    }
}

/// The text with everything escaped that would move the cursor, change colours or reverse the direction of writing.
pub fn harmless(text: &str) -> String {
    if text.chars().all(is_harmless) {
        return text.to_owned();
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_harmless(c) {
            safe.push(c);
        } else {
            safe.extend(c.escape_default());
        }
    }
    safe
}

fn is_harmless(c: char) -> bool {
    let direction =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    // A terminal draws a character of no width over the one before, if at all; a separator ends a line in some.
    let invisible = c.width().unwrap_or_default() == 0 || matches!(c, '\u{2028}' | '\u{2029}');
    !c.is_control() && !direction && !invisible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_by_columns_and_keeps_roles() {
        let line = Line::plain("ab").with(Role::Bad, "漢字");
        assert_eq!(line.width(), 6);
        assert_eq!(line.fit(6, "…"), line);
        assert_eq!(line.fit(5, "…").text(), "ab漢…");
        assert_eq!(line.fit(4, "…").text(), "ab…");
        assert_eq!(line.fit(4, ">").spans().last().unwrap().role, Role::Bad);
        assert_eq!(line.fit(1, "…").text(), "…");
        assert_eq!(line.fit(0, "…").text(), "");
    }

    #[test]
    fn a_terminal_has_nothing_to_act_on() {
        assert_eq!(
            harmless("a\u{1b}[2Jb\u{202e}c\n\u{200b}\u{0301}"),
            "a\\u{1b}[2Jb\\u{202e}c\\n\\u{200b}\\u{301}"
        );
        assert_eq!(Line::plain("é \t").text(), "é \\t");
    }
}
