//! Decides how a space-time diagram fits into a width: which nodes have lanes, how far apart, and where labels go.

use std::collections::BTreeSet;

use super::{Cell, DOWN, LEFT, Model, RIGHT, UP};
use crate::model::line::Line;

/// The least distance of two lanes.
const SPACING_MIN: usize = 5;
/// The greatest distance of two lanes.
const SPACING_MAX: usize = 26;
/// From this distance on labels stand on the arrows.
const SPACING_LABELLED: usize = 14;
/// The least room for labels in a column of their own.
const LABELS_MIN: usize = 9;

/// How rows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// With lanes and arrows.
    Drawn {
        /// Where the column of labels begins; `None` if they stand on the arrows.
        labels: Option<usize>,
        /// The distance of two lanes.
        spacing: usize,
    },
    /// In words: there is no room for lanes.
    Spelled,
}

/// A node that has a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The node.
    pub node: usize,
    /// Where its lane is, from the left of the row.
    pub x: usize,
    /// What stands above it.
    pub name: String,
}

/// Where everything is in the rows of a diagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The columns there are.
    pub width: usize,
    /// Whether only ASCII characters are drawn.
    pub ascii: bool,
    /// The columns of a step's number.
    pub number_width: usize,
    /// How rows are shown.
    pub form: Form,
    /// The nodes that have lanes, from left to right.
    pub columns: Vec<Column>,
    /// How many nodes have none.
    pub hidden: usize,
    /// A short name for every node.
    pub names: Vec<String>,
    /// The room for `from→to` where rows are spelled.
    pub spelled_width: usize,
}

impl Layout {
    /// The layout for a width. Nodes in `hide` get no lane, and of the others those that do least if there is no room.
    /// Labels stand on the arrows where they fit.
    pub fn new(model: &Model, width: usize, ascii: bool, hide: &BTreeSet<usize>) -> Self {
        Self::with_labels(model, width, ascii, hide, true)
    }

    /// The same with all labels in a column of their own, so that there is room for ways of messages.
    pub fn apart(model: &Model, width: usize, ascii: bool, hide: &BTreeSet<usize>) -> Self {
        Self::with_labels(model, width, ascii, hide, false)
    }

    fn with_labels(
        model: &Model,
        width: usize,
        ascii: bool,
        hide: &BTreeSet<usize>,
        on_arrows: bool,
    ) -> Self {
        let number_width = model.number(model.len()).to_string().len().max(2);
        let names = abbreviations(model);
        let spelled_width = 2 * names.iter().map(|name| name.chars().count()).max().unwrap_or_default() + 3;
        let mut layout = Self {
            width,
            ascii,
            number_width,
            form: Form::Spelled,
            columns: Vec::new(),
            hidden: 0,
            names,
            spelled_width,
        };
        let wanted: Vec<usize> = model.lanes().iter().copied().filter(|node| !hide.contains(node)).collect();
        let room = width.saturating_sub(layout.gutter());
        let fitting = room.saturating_sub(LABELS_MIN) / SPACING_MIN;
        if wanted.is_empty() || fitting < wanted.len().min(2) {
            layout.hidden = model.nodes();
            return layout;
        }
        let shown = most_active(model, &wanted, fitting);
        layout.hidden = model.nodes() - shown.len();
        let each = room / shown.len();
        let (spacing, labelled) = if on_arrows && each >= SPACING_LABELLED {
            (each.min(SPACING_MAX), true)
        } else {
            let most = if on_arrows { 9 } else { SPACING_LABELLED };
            (((room - LABELS_MIN.max(room / 3)) / shown.len()).clamp(SPACING_MIN, most), false)
        };
        // Labels of a timer in the last lane stand to the right of it.
        let offset = (spacing / 2).min(4);
        for (place, node) in shown.iter().enumerate() {
            let whole = model.address(*node);
            let short = if whole.chars().count() < spacing { whole } else { &layout.names[*node] };
            let name = Line::plain(short).fit(spacing - 1, if ascii { ">" } else { "…" }).text();
            layout.columns.push(Column { node: *node, x: layout.gutter() + place * spacing + offset, name });
        }
        let labels = (!labelled).then_some(layout.gutter() + shown.len() * spacing + 1);
        layout.form = Form::Drawn { labels, spacing };
        layout
    }

    /// The columns before the lanes: selection, number, cause, mark.
    pub fn gutter(&self) -> usize {
        2 * self.number_width + 4
    }

    /// The columns of the lanes.
    pub(super) fn drawn_width(&self) -> usize {
        match self.form {
            Form::Spelled => 0,
            Form::Drawn { labels: Some(_), spacing } => self.columns.len() * spacing,
            Form::Drawn { labels: None, .. } => self.width.saturating_sub(self.gutter()),
        }
    }

    /// The number of a node's lane.
    pub(super) fn place(&self, node: usize) -> Option<usize> {
        self.columns.iter().position(|column| column.node == node)
    }

    /// Where a node's lane is.
    pub fn x(&self, node: usize) -> Option<usize> {
        self.place(node).map(|place| self.columns[place].x)
    }

    pub(super) fn head_right(&self) -> char {
        if self.ascii { '>' } else { '▶' }
    }

    pub(super) fn head_left(&self) -> char {
        if self.ascii { '<' } else { '◀' }
    }

    /// The end of an arrow that comes from outside.
    pub(super) fn far(&self) -> char {
        if self.ascii { '.' } else { '╌' }
    }

    pub(super) fn glyph(&self, cell: &Cell) -> char {
        if let Some(glyph) = cell.glyph {
            // Characters of labels are not drawn by us.
            return glyph;
        }
        let strokes = cell.strokes;
        let vertical = strokes & (UP | DOWN) != 0;
        let horizontal = strokes & (LEFT | RIGHT) != 0;
        if self.ascii {
            return match (vertical, horizontal) {
                (false, false) => ' ',
                (true, false) if cell.down => ':',
                (true, false) => '|',
                (false, true) => {
                    if cell.heavy {
                        '='
                    } else {
                        '-'
                    }
                }
                (true, true) => '+',
            };
        }
        const ALL: u8 = UP | DOWN | LEFT | RIGHT;
        match (strokes, cell.heavy) {
            (0, _) => ' ',
            (_, _) if vertical && !horizontal => {
                if cell.down {
                    '╎'
                } else {
                    '│'
                }
            }
            (_, true) if !vertical => '━',
            (_, false) if !vertical => '─',
            (ALL, true) => '┿',
            (ALL, false) => '┼',
            (s, heavy) if s == UP | DOWN | RIGHT => {
                if heavy {
                    '┝'
                } else {
                    '├'
                }
            }
            (s, heavy) if s == UP | DOWN | LEFT => {
                if heavy {
                    '┥'
                } else {
                    '┤'
                }
            }
            (s, _) if s == DOWN | RIGHT => '╭',
            (s, _) if s == DOWN | LEFT => '╮',
            (s, _) if s == UP | RIGHT => '╰',
            (s, _) if s == UP | LEFT => '╯',
            (s, _) if s == LEFT | RIGHT | DOWN => '┬',
            _ => '┴',
        }
    }
}

/// At most `max` of some nodes, those at which most happens, in their order.
fn most_active(model: &Model, nodes: &[usize], max: usize) -> Vec<usize> {
    if nodes.len() <= max {
        return nodes.to_vec();
    }
    let mut active = nodes.to_vec();
    active.sort_by_key(|node| std::cmp::Reverse(model.steps_of(*node).len()));
    active.truncate(max);
    nodes.iter().copied().filter(|node| active.contains(node)).collect()
}

/// A short name for every node: the shortest beginning that tells the kinds of nodes apart, and the number; `s1` for
/// `server1`.
pub fn abbreviations(model: &Model) -> Vec<String> {
    let split = |node: usize| {
        let address = model.address(node);
        let digits = address.find(|c: char| c.is_ascii_digit()).unwrap_or(address.len());
        address.split_at(digits)
    };
    let words: BTreeSet<&str> = (0..model.nodes()).map(|node| split(node).0).collect();
    let short = |word: &str| {
        let ends = word.char_indices().map(|(place, c)| place + c.len_utf8());
        let unique = |end: &usize| words.iter().filter(|other| other.starts_with(&word[..*end])).count() == 1;
        ends.into_iter().find(unique).map_or(word.to_owned(), |end| word[..end].to_owned())
    };
    (0..model.nodes())
        .map(|node| {
            let (word, number) = split(node);
            // Without a number the name is all there is to tell nodes of one kind apart.
            let name = if number.is_empty() { word.to_owned() } else { format!("{}{number}", short(word)) };
            Line::plain(name).text()
        })
        .collect()
}
