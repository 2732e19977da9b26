//! Finds ways for arrows that begin where a message was sent: along the row of the sending, down a lane of their own
//! beside the receiver, and along the row of the delivery. No two of them share a lane at the same time.

use super::layout::{Form, Layout};
use super::{Cell, DOWN, LEFT, Model, RIGHT, UP};
use crate::model::line::Role;

/// The way of one message. Columns are counted from the left of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The step in which it was sent.
    pub sent: usize,
    /// The step in which it arrives.
    pub arrives: usize,
    /// Where the sender's lane is.
    pub from: usize,
    /// Where it goes down.
    pub down: usize,
    /// Where the receiver's lane is.
    pub to: usize,
}

/// The ways of all messages that have one. Where there is no free lane a message has none, and is drawn in its row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    routes: Vec<Route>,
}

impl Routes {
    /// Ways for the messages that arrive in some steps.
    pub(super) fn new(model: &Model, layout: &Layout, steps: &[bool]) -> Self {
        let Form::Drawn { spacing, .. } = layout.form else { return Self::default() };
        let mut routes: Vec<Route> = Vec::new();
        for arrives in (1..=model.len()).filter(|step| steps.get(*step).copied().unwrap_or_default()) {
            let ends = model.step(arrives).and_then(|step| step.event.message()).map(|id| model.ends(id));
            let Some((Some(from), Some(to))) = ends else { continue };
            let (Some(from), Some(to)) = (layout.x(from), layout.x(to)) else { continue };
            let Some(sent) = model.sending_step(arrives) else { continue };
            // Between the arrow's head and the next lane, nearest the receiver first.
            let distances = (2..spacing).step_by(if spacing >= 9 { 2 } else { 1 });
            let columns = distances.map(|distance| if from < to { to - distance } else { to + distance });
            let is_free = |down: &usize| {
                let mut others = routes.iter().filter(|route| route.down == *down);
                *down < layout.gutter() + layout.drawn_width()
                    && others.all(|other| other.arrives < sent || arrives < other.sent)
            };
            if let Some(down) = columns.into_iter().find(is_free) {
                routes.push(Route { sent, arrives, from, down, to });
            }
        }
        Self { routes }
    }

    /// The ways.
    pub fn all(&self) -> &[Route] {
        &self.routes
    }

    /// Whether the message that arrives in a step has a way.
    pub(super) fn arrives(&self, step: usize) -> bool {
        self.routes.iter().any(|route| route.arrives == step)
    }

    /// Draws what passes through the row of a step.
    pub(super) fn draw(&self, step: usize, layout: &Layout, cells: &mut [Cell]) {
        let gutter = layout.gutter();
        for route in &self.routes {
            let down = route.down - gutter;
            if step == route.sent {
                along(cells, route.from - gutter, down);
                cells[down].strokes |= DOWN;
            } else if step == route.arrives {
                cells[down].strokes |= UP;
                along(cells, down, route.to - gutter);
                let (head, glyph) = if route.down < route.to {
                    (route.to - 1, layout.head_right())
                } else {
                    (route.to + 1, layout.head_left())
                };
                cells[head - gutter] = Cell { glyph: Some(glyph), role: Role::Cause, ..Cell::default() };
            } else if route.sent < step && step < route.arrives {
                cells[down].strokes |= UP | DOWN;
                cells[down].role = Role::Cause;
            }
        }
    }
}

fn along(cells: &mut [Cell], from: usize, to: usize) {
    let (low, high) = (from.min(to), from.max(to));
    for (x, cell) in cells.iter_mut().enumerate().take(high + 1).skip(low) {
        cell.strokes |= if x > low { LEFT } else { 0 } | if x < high { RIGHT } else { 0 };
        cell.role = Role::Cause;
    }
}
