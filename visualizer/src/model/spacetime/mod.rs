//! The space-time diagram: time goes down, every node has a lane, and a message is an arrow in the row in which it
//! arrives. A column beside the rows names the step that sent it, so walking up the numbers is the causal chain.
//!
//! [`Layout`] decides what fits where, [`Diagram`] draws rows, `routes` finds ways for arrows from where they were sent.

mod layout;
mod routes;

use std::collections::BTreeSet;

use super::cause::Cause;
use super::line::{Line, Role};
use super::{Model, label};
use crate::trace_file::Happening;

pub use layout::{Column, Form, Layout, abbreviations};
pub use routes::Routes;

/// What is to be made visible in the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The step that is selected.
    pub selected: usize,
    /// Steps on the way from cause to effect, entry `i` for step `i`; the others are dimmed.
    pub highlighted: Option<Vec<bool>>,
    /// Steps that set a field that is to blame.
    pub blamed: BTreeSet<usize>,
    /// Steps that somebody walked through in search of causes.
    pub walked: BTreeSet<usize>,
    /// Steps that somebody marked.
    pub bookmarks: BTreeSet<usize>,
    /// Steps that have a note.
    pub notes: BTreeSet<usize>,
    /// Steps that a search found.
    pub found: BTreeSet<usize>,
}

const UP: u8 = 1;
const DOWN: u8 = 2;
const LEFT: u8 = 4;
const RIGHT: u8 = 8;

/// One character of a row while it is drawn: a glyph, or strokes that cross each other.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    strokes: u8,
    /// Whether the strokes to the sides are heavy.
    heavy: bool,
    /// Whether it is the lane of a node that is down.
    down: bool,
    glyph: Option<char>,
    role: Role,
}

/// Draws the rows of a model within a layout.
#[derive(Clone, Debug)]
pub struct Diagram<'a> {
    model: &'a Model,
    layout: &'a Layout,
    marks: &'a Marks,
    routes: Routes,
}

impl<'a> Diagram<'a> {
    /// A diagram whose arrows stand in the row in which they arrive.
    pub fn rows(model: &'a Model, layout: &'a Layout, marks: &'a Marks) -> Self {
        Self { model, layout, marks, routes: Routes::default() }
    }

    /// A diagram in which the arrows between some steps go all the way from where they were sent.
    pub fn lanes(model: &'a Model, layout: &'a Layout, marks: &'a Marks, steps: &[bool]) -> Self {
        Self { model, layout, marks, routes: Routes::new(model, layout, steps) }
    }

    /// The names of the nodes above their lanes.
    pub fn header(&self) -> Line {
        let layout = self.layout;
        let mut line = Line::of(Role::Dim, format!(" {:>1$} ", "#", layout.number_width));
        line.push(Role::Dim, format!("{:>1$} ", if layout.ascii { "by" } else { "←" }, layout.number_width));
        match layout.form {
            Form::Spelled => line.push(Role::Dim, "event"),
            Form::Drawn { .. } => {
                for column in &layout.columns {
                    let start =
                        column.x.saturating_sub(column.name.chars().count() / 2).max(line.width() + 1);
                    line.pad_to(start);
                    line.push(Role::Node, &column.name);
                }
                if layout.hidden > 0 {
                    line.push(Role::Dim, format!(" +{}", layout.hidden));
                }
            }
        }
        line.fit(layout.width, self.more())
    }

    fn more(&self) -> &'static str {
        if self.layout.ascii { ">" } else { "…" }
    }

    /// The row of a step.
    pub fn row(&self, step: usize) -> Line {
        let mut line = self.gutter(step);
        match self.layout.form {
            Form::Spelled => line.append(self.spelled(step)),
            Form::Drawn { labels, .. } => {
                line.append(self.drawn(step, labels.is_none()));
                if let Some(x) = labels {
                    line.pad_to(x);
                    line.push(
                        self.role(step, Role::Label),
                        self.label(step, self.layout.width.saturating_sub(x)),
                    );
                }
            }
        }
        let line = line.fit(self.layout.width, self.more());
        if self.is_dimmed(step) { line.all(Role::Dim) } else { line }
    }

    /// Number, cause and marks of a step.
    fn gutter(&self, step: usize) -> Line {
        let (model, width) = (self.model, self.layout.number_width);
        let selected = step == self.marks.selected;
        let bookmark = self.marks.bookmarks.contains(&step);
        let first = match (selected, bookmark) {
            (true, _) => ">",
            (false, true) if self.layout.ascii => "#",
            (false, true) => "◆",
            _ => " ",
        };
        let mut line = Line::of(Role::Strong, first);
        let number =
            self.role(step, if self.marks.found.contains(&step) { Role::Found } else { Role::Plain });
        line.push(number, format!("{:>width$} ", model.number(step)));
        let cause = match model.cause(step) {
            Cause::Sent(sent) => model.number(sent).to_string(),
            Cause::Timer | Cause::Fault => if self.layout.ascii { "." } else { "·" }.to_owned(),
            Cause::Start => String::new(),
        };
        line.push(Role::Cause, format!("{cause:>width$}"));
        let (mark, role) = self.mark(step);
        line.push(role, mark.to_string());
        line.push(Role::Plain, " ");
        line
    }

    /// The one character that says what is special about a step.
    pub fn mark(&self, step: usize) -> (char, Role) {
        let model = self.model;
        let Some(happened) = model.step(step) else { return (' ', Role::Plain) };
        let bad = if self.layout.ascii { 'x' } else { '✗' };
        if happened.fault.is_some() || (step == model.first_violation() && model.is_failure()) {
            return (bad, Role::Bad);
        }
        if self.marks.blamed.contains(&step) {
            return ('!', Role::Bad);
        }
        if self.marks.walked.contains(&step) {
            return ('*', Role::Cause);
        }
        if self.marks.notes.contains(&step) {
            return ('"', Role::Strong);
        }
        if is_duplicate(model, step) {
            return ('d', Role::Dim);
        }
        if is_no_op(model, step) {
            return ('o', Role::Dim);
        }
        (' ', Role::Plain)
    }

    fn is_dimmed(&self, step: usize) -> bool {
        self.marks.highlighted.as_ref().is_some_and(|on| !on.get(step).copied().unwrap_or_default())
            && step != self.marks.selected
    }

    fn is_highlighted(&self, step: usize) -> bool {
        self.marks.highlighted.as_ref().is_some_and(|on| on.get(step).copied().unwrap_or_default())
    }

    fn role(&self, step: usize, role: Role) -> Role {
        if self.is_highlighted(step) && role == Role::Plain { Role::Cause } else { role }
    }

    /// What a step carries; with the node if that has no lane here.
    fn label(&self, step: usize, max: usize) -> String {
        let text = match self.model.step(step) {
            None => "start".to_owned(),
            Some(_) => self.model.label(step, max),
        };
        match self.model.acting(step) {
            Some(node) if self.layout.form != Form::Spelled && self.layout.x(node).is_none() => {
                format!("{}: {text}", self.model.address(node))
            }
            _ => text,
        }
    }

    /// `s3→s2 Accept 1 A`
    fn spelled(&self, step: usize) -> Line {
        let names = &self.layout.names;
        let name = |node: Option<usize>| node.map_or("?", |node| names[node].as_str());
        let acting = self.model.acting(step);
        let arrow = if self.layout.ascii { "->" } else { "→" };
        let mut line = Line::new();
        match self.model.step(step).and_then(|step| step.event.message()) {
            Some(id) => {
                line.push(Role::Node, format!("{}{arrow}{}", name(self.model.ends(id).0), name(acting)));
            }
            None if acting.is_some() => line.push(Role::Node, name(acting)),
            None => {}
        }
        line.pad_to(if step == 0 { 0 } else { self.layout.spelled_width });
        let room = self.layout.width.saturating_sub(self.layout.gutter() + line.width());
        line.push(self.role(step, Role::Label), self.label(step, room));
        line
    }

    /// The lanes of a row, from the gutter on.
    fn drawn(&self, step: usize, labelled: bool) -> Line {
        let layout = self.layout;
        let mut cells = vec![Cell::default(); layout.drawn_width()];
        for column in &layout.columns {
            let down = !self.model.state(column.node, step).up;
            cells[column.x - layout.gutter()] =
                Cell { strokes: UP | DOWN, down, role: Role::Dim, ..Cell::default() };
        }
        self.routes.draw(step, layout, &mut cells);
        let mut label = None;
        if let (Some(node), Some(happened)) = (self.model.acting(step), self.model.step(step))
            && let Some(place) = layout.place(node)
        {
            let x = layout.columns[place].x - layout.gutter();
            if let Some(id) = happened.event.message().filter(|_| !self.routes.arrives(step)) {
                label = self.arrow(step, self.model.ends(id).0, place, &mut cells);
            }
            let (glyph, role) = self.glyph(&happened.event, happened.fault.is_some());
            cells[x] = Cell { glyph: Some(glyph), role: self.role(step, role), ..Cell::default() };
            if happened.event.message().is_none() || label.is_none() {
                label = Some((x + 2, self.room_right_of(place)));
            }
        }
        if step == 0 && labelled {
            label =
                layout.columns.first().map(|first| (first.x - layout.gutter() + 2, self.room_right_of(0)));
        }
        if let Some((x, room)) = label.filter(|_| labelled) {
            for (i, c) in Line::plain(self.label(step, room)).text().chars().take(room).enumerate() {
                if let Some(cell) = cells.get_mut(x + i) {
                    *cell = Cell { glyph: Some(c), role: self.role(step, Role::Label), ..Cell::default() };
                }
            }
        }
        let mut line = Line::new();
        for cell in &cells {
            line.push(cell.role, layout.glyph(cell).encode_utf8(&mut [0; 4]));
        }
        line
    }

    /// The room for a label to the right of a lane.
    fn room_right_of(&self, place: usize) -> usize {
        let columns = &self.layout.columns;
        let next =
            columns.get(place + 1).map_or(self.layout.gutter() + self.layout.drawn_width(), |next| next.x);
        next.saturating_sub(columns[place].x + 3)
    }

    /// The arrow of a delivery to the lane at `place`; returns where a label on it fits.
    fn arrow(
        &self,
        step: usize,
        from: Option<usize>,
        place: usize,
        cells: &mut [Cell],
    ) -> Option<(usize, usize)> {
        let layout = self.layout;
        let x_of = |place: usize| layout.columns[place].x - layout.gutter();
        let x = x_of(place);
        let heavy = self.is_highlighted(step);
        let role = self.role(step, Role::Plain);
        let Some(from) = from.and_then(|node| layout.place(node)) else {
            // The sender has no lane here.
            for (back, glyph) in [(1, layout.head_right()), (2, layout.far())] {
                if let Some(cell) = x.checked_sub(back).and_then(|x| cells.get_mut(x)) {
                    *cell = Cell { glyph: Some(glyph), role, ..Cell::default() };
                }
            }
            return None;
        };
        if from == place {
            return None;
        }
        let source = x_of(from);
        let (low, high) = (x.min(source), x.max(source));
        for cell in &mut cells[low + 1..high] {
            cell.strokes |= LEFT | RIGHT;
            cell.heavy = heavy;
            cell.role = role;
        }
        cells[source].strokes |= if source < x { RIGHT } else { LEFT };
        cells[source].heavy = heavy;
        let (head, glyph) =
            if source < x { (x - 1, layout.head_right()) } else { (x + 1, layout.head_left()) };
        cells[head] = Cell { glyph: Some(glyph), role, ..Cell::default() };
        // Beside the receiver, up to the next lane, with a bit of the arrow at both ends.
        if source < x {
            let begin = x_of(place - 1) + 2;
            Some((begin, (x - 2).saturating_sub(begin)))
        } else {
            let end = x_of(place + 1);
            Some((x + 3, end.saturating_sub(x + 4)))
        }
    }

    fn glyph(&self, event: &Happening, failed: bool) -> (char, Role) {
        let ascii = self.layout.ascii;
        match event {
            _ if failed => (if ascii { 'x' } else { '✗' }, Role::Bad),
            Happening::Deliver { .. } => (if ascii { '*' } else { '●' }, Role::Strong),
            Happening::Timer { .. } => (if ascii { 'T' } else { '◷' }, Role::Strong),
            Happening::Crash { .. } => ('X', Role::Bad),
            Happening::Restart { .. } => ('^', Role::Good),
        }
    }
}

/// Whether the message of a step arrived before.
pub fn is_duplicate(model: &Model, step: usize) -> bool {
    let message = model.step(step).and_then(|step| step.event.message());
    message.is_some_and(|id| model.arrivals(id).first().is_some_and(|first| *first < step))
}

/// Whether a step changed nothing and sent nothing.
pub fn is_no_op(model: &Model, step: usize) -> bool {
    let (Some(node), Some(happened)) = (model.acting(step), model.step(step)) else { return false };
    happened.fault.is_none()
        && happened.sent.is_empty()
        && model.state(node, step - 1) == model.state(node, step)
}

/// The straight lines of the whole trace, for an overview: lanes and messages, with lanes at 0, 1, … from left to right,
/// and steps from the top.
pub fn overview(model: &Model) -> Vec<((usize, usize), (usize, usize))> {
    let place = |node: usize| model.lanes().iter().position(|lane| *lane == node).unwrap_or_default();
    let lanes = (0..model.lanes().len()).map(|lane| ((lane, 0), (lane, model.len())));
    let messages = (1..=model.len()).filter_map(|step| {
        let id = model.step(step)?.event.message()?;
        let (from, to) = model.ends(id);
        Some(((place(from?), model.sending_step(step)?), (place(to?), step)))
    });
    lanes.chain(messages).collect()
}

/// What a step did beside the arrow that led to it: `sent Accept 1 A → a1, a2 (2 never arrive)`; empty if nothing.
pub fn sent_text(model: &Model, step: usize, max: usize) -> String {
    let Some(happened) = model.step(step) else { return String::new() };
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    let mut lost = 0;
    for id in &happened.sent {
        let message = model.message(*id);
        let text = label::brief(model.pool(), message.value, 40);
        match groups.iter_mut().find(|(other, _)| *other == text) {
            Some((_, to)) => to.push(&message.to),
            None => groups.push((text, vec![&message.to])),
        }
        lost += usize::from(!model.arrivals(*id).iter().any(|arrival| *arrival > step));
    }
    if groups.is_empty() {
        return String::new();
    }
    let texts: Vec<String> =
        groups.into_iter().map(|(text, to)| format!("{text} → {}", to.join(", "))).collect();
    let mut text = texts.join("; ");
    if lost > 0 {
        text.push_str(&format!(" ({lost} of {} not delivered later)", happened.sent.len()));
    }
    Line::plain(text).fit(max, "…").text()
}

#[cfg(test)]
mod tests;
