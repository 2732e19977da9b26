//! The lines on top: which trace this is, and the truth of every predicate at every step.

use super::Paper;
use crate::model::line::{Line, Role};
use crate::model::predicates::PredicateRow;
use crate::session::Session;
use crate::trace_file::PredicateKind;

/// The name of the trace, the step, and what is wrong here.
pub fn title(session: &Session, paper: Paper) -> Line {
    let model = session.model();
    let name = session
        .path
        .as_ref()
        .and_then(|path| path.file_name())
        .map(|name| name.to_string_lossy().into_owned());
    let mut line = if session.is_live() {
        Line::of(Role::Strong, format!(" live: {}", model.branch()))
    } else {
        Line::of(Role::Strong, format!(" {}", name.as_deref().unwrap_or("trace")))
    };
    let end = format!("  step {}/{}", model.number(session.step()), model.number(model.len()));
    line.push(Role::Dim, format!("  {}, {} nodes", model.file().origin.lab, model.nodes()));
    let broken = model.broken(session.step());
    let (right, role) = match broken.first() {
        Some(row) => (format!("  {} {} ", paper.no(), row.name), Role::Bad),
        None if model.file().verdict.kind == "goal-found" && session.step() == model.len() => {
            (format!("  {} goal ", paper.yes()), Role::Good)
        }
        None => (format!("  {} no invariant broken here ", paper.yes()), Role::Good),
    };
    let right = Line::of(role, right).fit(paper.width / 2, paper.more());
    let room = paper.width.saturating_sub(end.chars().count() + right.width());
    let mut line = line.fit(room, paper.more());
    line.push(Role::Strong, end);
    if let Some(filter) = session.filter() {
        line.push(Role::Found, format!("  filter {}", filter.text()));
    }
    let mut line = line.fit(paper.width.saturating_sub(right.width()), paper.more());
    line.pad_to(paper.width.saturating_sub(right.width()));
    line.append(right);
    line.fit(paper.width, paper.more())
}

/// A line for each predicate: whether it holds here, and at which steps. With one line for all if there is room for one.
pub fn strip(session: &Session, paper: Paper, lines: usize) -> Vec<Line> {
    let model = session.model();
    let rows = model.predicates();
    if lines == 0 {
        return Vec::new();
    }
    if lines == 1 || rows.len() == 1 {
        return vec![with_others(session, paper)];
    }
    let mut numbers: Vec<usize> = (0..rows.len()).collect();
    // The one that is explained is always among them.
    numbers.swap(0, session.predicate);
    numbers.truncate(lines);
    let widths = numbers.iter().map(|number| name(session, *number, paper).width());
    let widest = widths.max().unwrap_or_default().min(name_max(paper));
    numbers.into_iter().map(|number| line(session, number, widest, paper)).collect()
}

/// The most columns that the name of a predicate gets.
fn name_max(paper: Paper) -> usize {
    (paper.width / 2).max(10)
}

fn name(session: &Session, number: usize, paper: Paper) -> Line {
    let row = &session.model().predicates()[number];
    let explained = if paper.ascii { ">" } else { "▸" };
    let mut line = Line::of(Role::Strong, if number == session.predicate { explained } else { " " });
    line.append(sign(row, session.step(), paper));
    line.push(Role::Plain, format!(" {}  ", row.name));
    line
}

fn line(session: &Session, number: usize, name_width: usize, paper: Paper) -> Line {
    let model = session.model();
    let row = &model.predicates()[number];
    let mut line = name(session, number, paper).fit(name_max(paper), paper.more());
    line.pad_to(name_width);
    line.push(Role::Plain, " ");
    let (first, last) = (model.number(0).to_string(), model.number(model.len()).to_string());
    let room = paper.width.saturating_sub(line.width() + first.len() + last.len() + 3);
    line.push(Role::Dim, format!("{first} "));
    line.append(truths(row, session.step(), room, paper));
    line.push(Role::Dim, format!(" {last}"));
    line.fit(paper.width, paper.more())
}

/// The predicate that is explained at every step, and beside it whether the others hold here: with their names where
/// there is room for those.
fn with_others(session: &Session, paper: Paper) -> Line {
    let model = session.model();
    let others: Vec<usize> =
        (0..model.predicates().len()).filter(|number| *number != session.predicate).collect();
    let (mut signs, mut named) = (Line::new(), Line::new());
    for number in &others {
        let row = &model.predicates()[*number];
        let sign = sign(row, session.step(), paper);
        signs.append(sign.clone());
        named.push(Role::Plain, "  ");
        named.append(sign);
        named.push(Role::Plain, format!(" {}", row.name));
    }
    if others.is_empty() {
        return line(session, session.predicate, 0, paper);
    }
    let signs = Line::of(Role::Dim, "  others ").joined(signs);
    let width = paper.width.saturating_sub(signs.width());
    let mut line = line(session, session.predicate, 0, Paper { width, ..paper });
    let room = paper.width.saturating_sub(line.width());
    // At least one name can be read.
    if named.width() <= room || room >= 24 {
        line.append(named.fit(room, paper.more()));
    } else {
        line.append(signs);
    }
    line.fit(paper.width, paper.more())
}

fn sign(row: &PredicateRow, step: usize, paper: Paper) -> Line {
    let wanted = matches!(row.kind, PredicateKind::Invariant | PredicateKind::StepInvariant);
    match row.holds(step) {
        None => Line::of(Role::Dim, "?"),
        // Goals and prunes are neither right nor wrong.
        Some(holds) if !wanted => Line::of(Role::Plain, if holds { "+" } else { "-" }),
        Some(true) => Line::of(Role::Good, paper.yes()),
        Some(false) => Line::of(Role::Bad, paper.no()),
    }
}

/// A sign for every step; where there are more steps than columns, for groups of steps, in which what is broken wins.
fn truths(row: &PredicateRow, here: usize, room: usize, paper: Paper) -> Line {
    let steps = row.truth.len();
    let per = steps.div_ceil(room.max(1)).max(1);
    let mut line = Line::new();
    for group in 0..steps.div_ceil(per) {
        let range = group * per..((group + 1) * per).min(steps);
        let step = range
            .clone()
            .find(|step| row.is_broken(*step))
            .or(range.clone().find(|s| row.holds(*s).is_some()));
        let mut cell = sign(row, step.unwrap_or(range.start), paper);
        if range.contains(&here) {
            // That it is this step is also told by the numbers in the title and in the trace.
            cell = cell.all(Role::Key);
        }
        line.append(cell);
    }
    line.fit(room, paper.more())
}
