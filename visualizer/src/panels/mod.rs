//! What is in the panels of a viewer, as lines with what each is about. The terminal viewer draws them; they know of no
//! terminal.

mod notes;
mod pending;
mod preview;
mod state;
mod step;
mod strip;
#[cfg(test)]
mod tests;
mod tree;
mod why;

use unicode_width::UnicodeWidthChar;

use crate::model::field::Field;
use crate::model::line::{Line, Role};
use crate::session::Session;
use crate::session::action::Panel;

pub use strip::{strip, title};
pub(crate) use why::order_text;

/// What a line is about: where one goes from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A step.
    Step(usize),
    /// A field at the present step.
    Field(Field),
    /// A field at the step that set it.
    Written(Field, usize),
    /// Something that could happen, by its label.
    Choice(String),
    /// A branch.
    Branch(usize),
}

/// A line of a panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it says.
    pub line: Line,
    /// What it is about, if it is about something that one can go to.
    pub target: Option<Target>,
}

impl Row {
    fn text(line: Line) -> Self {
        Self { line, target: None }
    }

    fn to(line: Line, target: Target) -> Self {
        Self { line, target: Some(target) }
    }
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paper {
    /// The columns there are.
    pub width: usize,
    /// Whether only ASCII characters may be used.
    pub ascii: bool,
}

impl Paper {
    fn more(self) -> &'static str {
        if self.ascii { ">" } else { "…" }
    }

    fn arrow(self) -> &'static str {
        if self.ascii { "->" } else { "→" }
    }

    fn yes(self) -> &'static str {
        if self.ascii { "v" } else { "✓" }
    }

    fn no(self) -> &'static str {
        if self.ascii { "x" } else { "✗" }
    }

    /// A line broken into as many as it needs, the later ones indented. Between words where that is possible; a word that
    /// is longer than a line is broken where it begins a part, and nothing is left out.
    fn wrapped(self, line: &Line, indent: usize) -> Vec<Line> {
        let indent = indent.min(self.width / 2);
        let mut lines = vec![Line::new()];
        for span in line.spans() {
            for word in span.text.split_inclusive(' ') {
                let mut rest = word;
                while !rest.is_empty() {
                    let last = lines.len() - 1;
                    let used = lines[last].width();
                    let fresh = used <= if last == 0 { 0 } else { indent };
                    let wide = Line::plain(rest.trim_end()).width();
                    if used + wide <= self.width {
                        lines[last].push(span.role, rest);
                        break;
                    }
                    let room = self.width.saturating_sub(used);
                    // On a line of its own it fits, or there is hardly a beginning of it that fits here.
                    if !fresh && (indent + wide <= self.width || room < 8) {
                        lines.push(Line::plain(" ".repeat(indent)));
                        continue;
                    }
                    let (head, tail) = broken(rest, room);
                    lines[last].push(span.role, head);
                    lines.push(Line::plain(" ".repeat(indent)));
                    rest = tail;
                }
            }
        }
        lines.into_iter().map(|line| line.trim_end().fit(self.width, self.more())).collect()
    }

    /// As [`wrapped`](Self::wrapped), in at most so many lines; the last of them is cut if there is more.
    fn wrapped_to(self, line: &Line, indent: usize, max: usize) -> Vec<Line> {
        let mut lines = self.wrapped(line, indent);
        if lines.len() > max.max(1) {
            lines.truncate(max.max(1));
            let last = lines.len() - 1;
            lines[last].push(Role::Dim, " ");
            lines[last].push(Role::Dim, self.more());
            if lines[last].width() > self.width {
                lines[last] = lines[last].fit(self.width.saturating_sub(1), "").with(Role::Dim, self.more());
            }
        }
        lines
    }

    /// Rows of a text in as many lines as it needs; the first is about something.
    fn rows_to(self, line: &Line, indent: usize, mut target: Option<Target>) -> Vec<Row> {
        self.wrapped(line, indent).into_iter().map(|line| Row { line, target: target.take() }).collect()
    }
}

/// The beginning of a word that has room in some columns, at least one character, and the rest of it.
fn broken(word: &str, room: usize) -> (&str, &str) {
    let mut used = 0;
    let (mut end, mut part) = (0, 0);
    for (place, c) in word.char_indices() {
        used += c.width().unwrap_or_default();
        if used > room && end > 0 {
            break;
        }
        // Before a part of a path, or after what opens or separates.
        if matches!(c, '.' | '[') {
            part = place;
        } else if matches!(c, '(' | '{' | ',' | '/' | ':' | '_' | '-') {
            part = place + c.len_utf8();
        }
        end = place + c.len_utf8();
    }
    // A part that begins early would waste the line.
    let at = if part > end / 2 && part < end { part } else { end };
    word.split_at(at)
}

/// The rows of a panel; the trace panel is a drawing, see [`Diagram`](crate::model::spacetime::Diagram).
pub fn rows(session: &mut Session, panel: Panel, paper: Paper) -> Vec<Row> {
    let rows = match panel {
        Panel::Trace => Vec::new(),
        Panel::State => state::rows(session, paper),
        Panel::Pending => pending::rows(session, paper),
        Panel::Why => why::rows(session, paper),
        Panel::Step => step::rows(session, paper),
        Panel::Notes => notes::rows(session, paper),
        Panel::Tree => tree::rows(session, paper),
    };
    let fit = |row: Row| Row { line: row.line.fit(paper.width, paper.more()), ..row };
    rows.into_iter().map(fit).collect()
}

/// Why the predicate is false, in three lines.
pub fn why_strip(session: &mut Session, paper: Paper) -> Vec<Line> {
    why::strip(session, paper)
}

/// A heading within a panel.
fn heading(text: impl AsRef<str>) -> Row {
    Row::text(Line::of(Role::Strong, text))
}
