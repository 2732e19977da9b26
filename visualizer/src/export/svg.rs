//! SVG: the space-time diagram. Time goes down, every node has a lane, and an arrow goes from the step that sent a
//! message to the step in which it arrives. The page of the HTML export has the same drawing in it.

use std::fmt::{self, Display, Write};

use super::markup::Escaped;
use super::{ExportError, Sheet};
use crate::model::Model;
use crate::model::cause::Cause;
use crate::model::line::Line;
use crate::model::spacetime::{Diagram, Layout, Marks, abbreviations, is_duplicate};
use crate::session::Session;
use crate::trace_file::Happening;

/// The style of a drawing that stands alone.
const STYLE: &str = include_str!("svg.css");
/// How wide a character of the font is, in tenths of a pixel.
const CHARACTER: usize = 75;
/// How much of a message stands beside its row.
const LABEL_MAX: usize = 70;
/// How much of a message its tooltip has.
const TITLE_MAX: usize = 600;

/// The measures of a drawing, in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// From lane to lane.
    pub(super) spacing: usize,
    /// From step to step.
    pub(super) row: usize,
    /// Above the first step: the names of the nodes.
    pub(super) top: usize,
    /// Left of the first lane: the numbers of the steps.
    pub(super) left: usize,
    /// Whether the names of nodes are short.
    pub(super) short: bool,
    /// Whether what a step carries stands beside it.
    pub(super) labels: bool,
}

const ALONE: Look = Look { spacing: 96, row: 28, top: 74, left: 66, short: false, labels: true };

impl Look {
    fn x(&self, lane: usize) -> usize {
        self.left + self.spacing / 2 + lane * self.spacing
    }

    fn y(&self, step: usize) -> usize {
        self.top + step * self.row + self.row / 2
    }

    /// Where the lanes end.
    pub(super) fn lanes_width(&self, model: &Model) -> usize {
        self.left + model.nodes() * self.spacing
    }

    /// How high the drawing is.
    pub(super) fn height(&self, model: &Model) -> usize {
        self.top + (model.len() + 1) * self.row + 8
    }
}

pub(super) fn write(model: &Model, name: &str, sheet: &mut Sheet) -> Result<(), ExportError> {
    let look = ALONE;
    let verdict = &model.file().verdict;
    let title = format!("{name}: {}: {}", verdict.kind.replace('-', " "), verdict.name);
    let longest = (0..=model.len()).map(|step| model.label(step, LABEL_MAX).chars().count()).max();
    let labels = (longest.unwrap_or_default() + 2) * CHARACTER / 10;
    let heading = title.chars().count().min(LABEL_MAX) * CHARACTER / 10 + 24;
    let (width, height) = ((look.lanes_width(model) + labels).max(heading), look.height(model));
    write!(
        sheet,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n\
         <text class=\"heading\" x=\"12\" y=\"24\">{}</text>\n",
        Escaped(&title),
        Escaped(&Line::plain(&title).fit(LABEL_MAX, "…").text()),
    )?;
    draw(model, &look, sheet)?;
    Ok(writeln!(sheet, "</svg>")?)
}

/// The lanes and the steps.
pub(super) fn draw(model: &Model, look: &Look, sheet: &mut Sheet) -> fmt::Result {
    let mut session = Session::new(model.clone(), None);
    let marks = session.marks();
    let layout = Layout::new(model, 80, false, &Default::default());
    let drawing = Drawing { model, look, marker: Diagram::rows(model, &layout, &marks), marks: &marks };
    // From below to above: what marks a row, lanes, arrows, signs. So no sign is crossed out.
    (0..=model.len()).try_for_each(|step| drawing.band(step, sheet))?;
    write!(sheet, "<g class=\"lanes\">")?;
    drawing.lanes(sheet)?;
    writeln!(sheet, "</g>")?;
    for step in 1..=model.len() {
        drawing.arrow(step, sheet)?;
    }
    (0..=model.len()).try_for_each(|step| drawing.step(step, sheet))
}

struct Drawing<'a> {
    model: &'a Model,
    look: &'a Look,
    marker: Diagram<'a>,
    marks: &'a Marks,
}

impl Drawing<'_> {
    fn lane(&self, node: usize) -> usize {
        self.model.lanes().iter().position(|lane| *lane == node).unwrap_or_default()
    }

    fn lanes(&self, sheet: &mut Sheet) -> fmt::Result {
        let (model, look) = (self.model, self.look);
        let short = abbreviations(model);
        for (lane, node) in model.lanes().iter().enumerate() {
            let (x, bottom) = (look.x(lane), look.y(model.len()) + look.row / 2);
            let whole = model.address(*node);
            let name = if look.short { &short[*node] } else { whole };
            let room = (look.spacing - 6) * 10 / CHARACTER;
            write!(
                sheet,
                "\n<text class=\"name\" x=\"{x}\" y=\"{}\">{}<title>{}: {}</title></text>",
                look.top - 10,
                Escaped(&Line::plain(name).fit(room, "…").text()),
                Escaped(whole),
                Escaped(model.type_name(*node)),
            )?;
            // From each change between up and down to the next.
            let (mut up, mut from) = (model.state(*node, 0).up, look.top);
            let mut stretch = |up: bool, from: usize, to: usize| {
                let down = if up { "" } else { " down" };
                write!(sheet, "<path class=\"lane{down}\" d=\"M{x} {from}V{to}\"/>")
            };
            for step in model.steps_of(*node) {
                if model.state(*node, *step).up != up {
                    stretch(up, from, look.y(*step))?;
                    (up, from) = (!up, look.y(*step));
                }
            }
            stretch(up, from, bottom)?;
        }
        Ok(())
    }

    /// The row of a step, to be coloured.
    fn band(&self, step: usize, sheet: &mut Sheet) -> fmt::Result {
        let bad = if self.marker.mark(step).0 == '✗' { " bad" } else { "" };
        let (y, height) = (self.look.y(step) - self.look.row / 2, self.look.row);
        writeln!(
            sheet,
            "<rect class=\"band{bad}\" data-step=\"{step}\" x=\"0\" y=\"{y}\" width=\"100%\" height=\"{height}\"/>"
        )
    }

    fn arrow(&self, step: usize, sheet: &mut Sheet) -> fmt::Result {
        let (model, look) = (self.model, self.look);
        let (Some(happened), Some(node)) = (model.step(step), model.acting(step)) else { return Ok(()) };
        let Some(message) = happened.event.message() else { return Ok(()) };
        let sent = match model.cause(step) {
            Cause::Sent(sent) => sent,
            _ => return Ok(()),
        };
        let (x, y) = (look.x(self.lane(node)), look.y(step));
        let mut class = String::from("arrow");
        if is_duplicate(model, step) {
            class.push_str(" again");
        }
        let from = model.ends(message).0;
        let (from_x, from_y) = match from {
            Some(from) if from != node => (look.x(self.lane(from)), look.y(sent)),
            // To itself, around the lane.
            Some(_) => {
                let (out, above) = (x + look.spacing / 3, look.y(sent));
                return writeln!(
                    sheet,
                    "<path class=\"{class}\" data-step=\"{step}\" d=\"M{x} {above}C{out} {above} {out} {y} {} {y}\"/>\
                     <path class=\"head\" data-step=\"{step}\" d=\"{}\"/>",
                    x + 7,
                    head((x + 40, y), (x, y)),
                );
            }
            // The sender is no node of this system.
            None => (x.saturating_sub(look.spacing / 3), y),
        };
        let (end_x, end_y) = shortened((from_x, from_y), (x, y), 7.0);
        writeln!(
            sheet,
            "<path class=\"{class}\" data-step=\"{step}\" d=\"M{from_x} {from_y}L{end_x:.1} {end_y:.1}\"/>\
             <path class=\"head\" data-step=\"{step}\" d=\"{}\"/>",
            head((from_x, from_y), (x, y)),
        )
    }

    fn step(&self, step: usize, sheet: &mut Sheet) -> fmt::Result {
        let (model, look) = (self.model, self.look);
        let (y, number) = (look.y(step), model.number(step));
        let (mark, _) = self.marker.mark(step);
        let blamed = if self.marks.blamed.contains(&step) { " blamed" } else { "" };
        write!(
            sheet,
            "<g class=\"step{blamed}\" data-step=\"{step}\"><title>{number}: {}</title>\
             <text class=\"number\" x=\"{}\" y=\"{}\">{number}</text>",
            Escaped(&model.headline(step, TITLE_MAX)),
            look.left - 24,
            y + 4,
        )?;
        if mark != ' ' {
            let (x, y) = (look.left - 14, y + 4);
            write!(sheet, "<text class=\"mark\" x=\"{x}\" y=\"{y}\">{}</text>", Escaped(&mark.to_string()))?;
        }
        if let (Some(happened), Some(node)) = (model.step(step), model.acting(step)) {
            let x = look.x(self.lane(node));
            write!(sheet, "{}", Sign { event: &happened.event, failed: happened.fault.is_some(), x, y })?;
        }
        if look.labels {
            let label = Line::plain(model.label(step, LABEL_MAX)).text();
            let (x, y) = (look.lanes_width(model) + 6, y + 4);
            write!(sheet, "<text class=\"label\" x=\"{x}\" y=\"{y}\">{}</text>", Escaped(&label))?;
        }
        writeln!(sheet, "</g>")
    }
}

/// The sign of an event on the lane of its node.
struct Sign<'a> {
    event: &'a Happening,
    failed: bool,
    x: usize,
    y: usize,
}

impl Display for Sign<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (x, y) = (self.x, self.y);
        let cross = |class: &str| {
            let (left, top) = (x.saturating_sub(6), y - 6);
            format!("<path class=\"{class}\" d=\"M{left} {top}l12 12m0 -12l-12 12\"/>")
        };
        match self.event {
            _ if self.failed => f.write_str(&cross("cross bad")),
            Happening::Deliver { .. } => write!(f, "<circle class=\"dot\" cx=\"{x}\" cy=\"{y}\" r=\"5\"/>"),
            Happening::Timer { .. } => write!(
                f,
                "<circle class=\"clock\" cx=\"{x}\" cy=\"{y}\" r=\"6\"/>\
                 <path class=\"hands\" d=\"M{x} {}v4h3\"/>",
                y - 4
            ),
            Happening::Crash { .. } => f.write_str(&cross("cross")),
            Happening::Restart { .. } => {
                write!(f, "<path class=\"dot\" d=\"M{} {}l6 -11l6 11z\"/>", x.saturating_sub(6), y + 5)
            }
        }
    }
}

/// A place on a line, before its end.
#[expect(clippy::cast_precision_loss, reason = "a drawing has fewer than 2^52 pixels")]
fn shortened(from: (usize, usize), to: (usize, usize), by: f64) -> (f64, f64) {
    let (x, y) = (to.0 as f64, to.1 as f64);
    let (dx, dy) = (x - from.0 as f64, y - from.1 as f64);
    let length = dx.hypot(dy).max(1.0);
    (x - dx / length * by, y - dy / length * by)
}

/// The head of an arrow: a triangle with its tip before the sign of the step.
#[expect(clippy::cast_precision_loss, reason = "a drawing has fewer than 2^52 pixels")]
fn head(from: (usize, usize), to: (usize, usize)) -> String {
    let (tip, base) = (shortened(from, to, 6.0), shortened(from, to, 16.0));
    let (dx, dy) = (to.0 as f64 - from.0 as f64, to.1 as f64 - from.1 as f64);
    let length = dx.hypot(dy).max(1.0);
    let (across_x, across_y) = (-dy / length * 4.5, dx / length * 4.5);
    format!(
        "M{:.1} {:.1}L{:.1} {:.1}L{:.1} {:.1}z",
        tip.0,
        tip.1,
        base.0 + across_x,
        base.1 + across_y,
        base.0 - across_x,
        base.1 - across_y
    )
}
