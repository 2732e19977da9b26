//! The state panel: the tree of the node that is looked at, then of those that stay in sight, then of the others.

use super::{Paper, Row, Target};
use crate::model::diff::Sign;
use crate::model::line::{Line, Role};
use crate::model::tree;
use crate::session::Session;

/// In how many lines at most a value is written out.
const LINES_MAX: usize = 6;

pub(super) fn rows(session: &mut Session, paper: Paper) -> Vec<Row> {
    let mut nodes = vec![session.node()];
    nodes.extend(session.pinned.iter().copied().filter(|node| *node != session.node()));
    let rest: Vec<usize> =
        session.model().lanes().iter().copied().filter(|node| !nodes.contains(node)).collect();
    nodes.extend(rest);
    let mut rows = Vec::new();
    for (i, node) in nodes.into_iter().enumerate() {
        if i > 0 {
            rows.push(Row::text(Line::new()));
        }
        rows.extend(node_rows(session, node, session.pinned.contains(&node), paper));
    }
    rows
}

fn node_rows(session: &Session, node: usize, pinned: bool, paper: Paper) -> Vec<Row> {
    let (model, step, base) = (session.model(), session.step(), session.base_step());
    let trees = tree::rows(model, node, base, step, &session.folds);
    let mut head =
        Line::of(Role::Node, model.address(node)).with(Role::Plain, format!(": {}", model.type_name(node)));
    if pinned {
        head.push(Role::Dim, "  pinned");
    }
    if !model.state(node, step).up {
        head.push(Role::Bad, "  down");
    }
    let acts = model.acting(step) == Some(node);
    let last = model.steps_of(node).iter().rev().find(|s| **s <= step);
    let when = match (session.base, last) {
        (Some(base), _) => format!("  compared with step {}", model.number(base)),
        (None, _) if acts => format!("  changed at {}", model.number(step)),
        (None, Some(last)) => format!("  unchanged since {}", model.number(*last)),
        (None, None) => "  as at the start".to_owned(),
    };
    head.push(Role::Dim, when);
    if head.width() > paper.width {
        // The type says least.
        let mut spans = head.spans().to_vec();
        spans.remove(1);
        head = spans.into_iter().fold(Line::new(), |line, span| line.with(span.role, span.text));
    }
    let mut rows = vec![Row::text(head.fit(paper.width, paper.more()))];
    let names = tree::name_width(&trees, (paper.width / 3).clamp(6, 18));
    let wide = paper.width >= 60;
    let blank = trees.is_empty();
    for row in trees {
        let since = wide.then(|| model.last_write(&row.field, step)).map(|written| {
            written.map_or("start".to_owned(), |step| format!("since {}", model.number(step)))
        });
        // What changed and what is selected is written out; of the rest the beginning does.
        let whole = (row.sign != Sign::Same || session.field.as_ref() == Some(&row.field))
            .then(|| row.whole(paper.ascii, names, since.clone(), paper.width))
            .flatten();
        let lines = match whole {
            Some((whole, column)) => paper.wrapped_to(&whole, column.min(paper.width / 3), LINES_MAX),
            None => vec![row.line(paper.ascii, names, since, paper.width)],
        };
        let mut target = Some(Target::Field(row.field));
        rows.extend(lines.into_iter().map(|line| Row { line, target: target.take() }));
    }
    if blank {
        rows.push(Row::text(Line::of(Role::Dim, "  nothing changed; `H` shows everything")));
    }
    rows
}
