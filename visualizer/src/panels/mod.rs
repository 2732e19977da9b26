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

    /// A line broken into as many as it needs, the later ones indented.
    fn wrapped(self, line: &Line, indent: usize) -> Vec<Line> {
        let mut lines = vec![Line::new()];
        let mut room = self.width;
        for span in line.spans() {
            for word in span.text.split_inclusive(' ') {
                let piece = Line::of(span.role, word);
                let last = lines.len() - 1;
                if lines[last].width() + Line::plain(word.trim_end()).width() > room
                    && !lines[last].is_empty()
                {
                    lines.push(Line::plain(" ".repeat(indent.min(self.width / 2))));
                    room = self.width;
                }
                let last = lines.len() - 1;
                lines[last].append(piece);
            }
        }
        lines.into_iter().map(|line| line.trim_end().fit(self.width, self.more())).collect()
    }
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
