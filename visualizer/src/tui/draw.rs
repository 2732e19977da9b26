//! Draws the screen: every place with its lines, whatever its size.

use std::collections::{BTreeMap, BTreeSet};

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::symbols::{Marker, border};
use ratatui::widgets::canvas::{Canvas, Line as CanvasLine};
use ratatui::widgets::{Block, Clear, Widget};

use super::app::{App, Hit};
use super::places::{HEIGHT_MIN, Places, WIDTH_MIN};
use crate::model::line::{Line, Role};
use crate::model::spacetime::{self, Diagram, Layout};
use crate::panels::{self, Paper};
use crate::session::Drawing;
use crate::session::action::{Panel, entry_of};

const ASCII_BORDER: border::Set<'_> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

const ASCII_FOCUS: border::Set<'_> = border::Set {
    vertical_left: "#",
    vertical_right: "#",
    horizontal_top: "=",
    horizontal_bottom: "=",
    ..ASCII_BORDER
};

/// Draws everything, and remembers what is where.
pub(super) fn draw(app: &mut App, frame: &mut Frame<'_>) {
    let area = frame.area();
    app.hits.clear();
    let (panel, side, zoomed) = (app.session.panel, app.side, app.zoomed);
    let predicates = app.session.model().predicates().len();
    let explained = app.session.explains();
    let Some(places) = Places::new(area, panel, side, zoomed, predicates, explained) else {
        let text =
            format!("terminal too small: {}x{}, need {WIDTH_MIN}x{HEIGHT_MIN}", area.width, area.height);
        put(app, frame.buffer_mut(), area, 0, &Line::plain(text));
        return;
    };
    let paper = |rect: Rect| Paper { width: rect.width.into(), ascii: app.options.ascii };
    let title = panels::title(&app.session, paper(places.title));
    let strip = panels::strip(&app.session, paper(places.strip), places.strip.height.into());
    put(app, frame.buffer_mut(), places.title, 0, &title);
    for (i, line) in strip.iter().enumerate() {
        put(app, frame.buffer_mut(), places.strip, i, line);
    }
    tabs(app, frame.buffer_mut(), &places);
    for (panel, rect) in &places.panels {
        let inner = framed(app, frame.buffer_mut(), *panel, *rect, places.framed);
        app.sizes.insert(*panel, (inner.width.into(), inner.height.into()));
        app.hits.push((*rect, Hit::Panel(*panel)));
        match panel {
            Panel::Trace if app.session.drawing == Drawing::Overview => overview(app, frame, inner),
            Panel::Trace => trace(app, frame.buffer_mut(), inner),
            panel => rows(app, frame.buffer_mut(), *panel, inner, places.framed),
        }
    }
    why(app, frame.buffer_mut(), places.why);
    footer(app, frame, places.footer);
    if app.palette.is_some() {
        palette(app, frame, area);
    }
}

/// Writes a line into the row of an area.
fn put(app: &App, buffer: &mut Buffer, area: Rect, row: usize, line: &Line) {
    let Some(y) = u16::try_from(row).ok().filter(|row| *row < area.height).map(|row| area.y + row) else {
        return;
    };
    let mut x = area.x;
    for span in line.spans() {
        let left = usize::from((area.x + area.width).saturating_sub(x));
        if left == 0 || !buffer.area.contains((x, y).into()) {
            break;
        }
        let style = app.options.theme.style(span.role);
        (x, _) = if app.options.ascii && !span.text.is_ascii() {
            buffer.set_stringn(x, y, ascii(&span.text), left, style)
        } else {
            buffer.set_stringn(x, y, &span.text, left, style)
        };
    }
}

/// The nearest to a text that a terminal without Unicode can show.
fn ascii(text: &str) -> String {
    let nearest = |c: char| match c {
        c if c.is_ascii() => c,
        '…' | '→' => '>',
        '–' => '-',
        _ => '?',
    };
    text.chars().map(nearest).collect()
}

/// Makes a row visible as the selected one.
fn select(buffer: &mut Buffer, area: Rect, row: usize) {
    if let Some(y) = u16::try_from(row).ok().filter(|row| *row < area.height) {
        let line = Rect { y: area.y + y, height: 1, ..area };
        buffer.set_style(line.intersection(buffer.area), Style::new().add_modifier(Modifier::REVERSED));
    }
}

/// Draws the frame of a panel; returns what is inside.
fn framed(app: &App, buffer: &mut Buffer, panel: Panel, rect: Rect, framed: bool) -> Rect {
    if !framed {
        return rect;
    }
    let focused = app.session.panel == panel;
    let set = match (app.options.ascii, focused) {
        (true, false) => ASCII_BORDER,
        (true, true) => ASCII_FOCUS,
        (false, false) => border::PLAIN,
        (false, true) => border::THICK,
    };
    let number = panel.number();
    let mut title = if focused {
        format!(" [{number}] {} ", panel.name())
    } else {
        format!(" {number} {} ", panel.name())
    };
    title.push_str(&about(app, panel));
    let title = Line::plain(title).fit(usize::from(rect.width.saturating_sub(4)), ">").text();
    let style = app.options.theme.style(if focused { Role::Strong } else { Role::Dim });
    let block = Block::bordered().border_set(set).title(title).border_style(style).title_style(style);
    let inner = block.inner(rect);
    block.render(rect, buffer);
    inner
}

/// What stands beside the name of a panel.
fn about(app: &App, panel: Panel) -> String {
    let session = &app.session;
    match panel {
        Panel::Trace => {
            let view = match session.drawing {
                Drawing::Rows => "",
                Drawing::Lanes => "lanes ",
                Drawing::Overview => "overview ",
            };
            let filter = session.filter().map_or(String::new(), |query| format!("only {} ", query.text()));
            let lit = if session.highlight.is_some() { "lit: Esc " } else { "" };
            format!("{view}{filter}{lit}")
        }
        Panel::Pending | Panel::Step => format!("at {} ", session.model().number(session.step())),
        Panel::State if session.folds.hide_unchanged => "changes only ".to_owned(),
        Panel::Tree if session.compared.is_some() => "compared ".to_owned(),
        Panel::State | Panel::Why | Panel::Notes | Panel::Tree => String::new(),
    }
}

/// The names of the panels that share a place.
fn tabs(app: &mut App, buffer: &mut Buffer, places: &Places) {
    let rect = places.tabs;
    if rect.height == 0 {
        return;
    }
    let alone = places.panels.len() == 1;
    let last = places.panels.last().map(|(panel, _)| *panel);
    let shared: Vec<Panel> = Panel::ALL
        .into_iter()
        .filter(|panel| alone || !places.shows(*panel) || Some(*panel) == last)
        .collect();
    // What there is room for: names, the beginnings of names, numbers.
    let text = |panel: Panel, letters: usize| {
        let (number, name) = (panel.number(), panel.name());
        match (letters, Some(panel) == last) {
            (0, true) => format!("[{number}]{name} "),
            (0, false) => format!(" {number} "),
            (usize::MAX, true) => format!("[{number} {name}]"),
            (usize::MAX, false) => format!(" {number} {name} "),
            (letters, true) => format!("[{number}]{name:.letters$} "),
            (letters, false) => format!("{number}{name:.letters$} "),
        }
    };
    let wide = |letters: usize| shared.iter().map(|panel| text(*panel, letters).len()).sum::<usize>();
    // The last space is not missed.
    let fits = |letters: &usize| wide(*letters) <= usize::from(rect.width) + 1;
    let letters = [usize::MAX, 5, 4, 3].into_iter().find(fits).unwrap_or(0);
    let mut line = Line::new();
    for panel in shared {
        let start = line.width();
        line.push(if Some(panel) == last { Role::Key } else { Role::Plain }, text(panel, letters));
        let (x, width) =
            (u16::try_from(start).unwrap_or(u16::MAX), u16::try_from(line.width() - start).unwrap_or(0));
        let tab = Rect { x: rect.x.saturating_add(x), width, ..rect };
        app.hits.push((tab.intersection(rect), Hit::Panel(panel)));
    }
    put(app, buffer, rect, 0, &line.fit(rect.width.into(), ">"));
}

/// The first row to show so that `selected` is in sight.
fn offset(before: usize, selected: Option<usize>, rows: usize, height: usize) -> usize {
    let last = rows.saturating_sub(height);
    let Some(selected) = selected else { return before.min(last) };
    let margin = (height / 4).min(3);
    let lowest = selected.saturating_sub(margin);
    let highest = (selected + margin + 1).saturating_sub(height);
    before.min(lowest).max(highest).min(last)
}

fn trace(app: &mut App, buffer: &mut Buffer, inner: Rect) {
    let marks = app.session.marks();
    let (width, ascii) = (usize::from(inner.width), app.options.ascii);
    let (model, step) = (app.session.model(), app.session.step());
    let lanes = app.session.drawing == Drawing::Lanes;
    let hide = &app.session.hidden;
    let layout =
        if lanes { Layout::apart(model, width, ascii, hide) } else { Layout::new(model, width, ascii, hide) };
    let past;
    let diagram = if lanes {
        past = model.past(&[step]);
        Diagram::lanes(model, &layout, &marks, &past)
    } else {
        Diagram::rows(model, &layout, &marks)
    };
    let listed = app.session.listed();
    // The detail of the selected step stands below where there is room for it.
    let details = if inner.height >= 16 && listed.len() + 4 < usize::from(inner.height) { 2 } else { 0 };
    let height = usize::from(inner.height.saturating_sub(1)).saturating_sub(details);
    let place = listed.partition_point(|listed| *listed < step);
    let before = app.offsets.get(&Panel::Trace).copied().unwrap_or_default();
    let first = offset(before, Some(place.min(listed.len().saturating_sub(1))), listed.len(), height);
    put(app, buffer, inner, 0, &diagram.header());
    let mut hits = Vec::new();
    for (i, listed) in listed.iter().skip(first).take(height).enumerate() {
        put(app, buffer, inner, i + 1, &diagram.row(*listed));
        if *listed == step {
            select(buffer, inner, i + 1);
        }
        let y = inner.y + u16::try_from(i + 1).unwrap_or_default();
        hits.push((Rect { y, height: 1, ..inner }, Hit::Step(*listed)));
    }
    if details > 0 {
        let sent = spacetime::sent_text(model, step, 400);
        let text = format!("{}  {}", model.number(step), model.headline(step, 400));
        let lines = [
            Line::of(Role::Strong, text),
            Line::of(Role::Dim, if sent.is_empty() { sent } else { format!("sent {sent}") }),
        ];
        for (i, line) in lines.iter().enumerate() {
            let line = line.fit(width, if ascii { ">" } else { "…" });
            put(app, buffer, inner, usize::from(inner.height) - details + i, &line);
        }
    }
    app.offsets.insert(Panel::Trace, first);
    app.hits.extend(hits);
}

/// The whole trace on one screen, as Lamport drew it.
fn overview(app: &mut App, frame: &mut Frame<'_>, inner: Rect) {
    let model = app.session.model();
    let (lanes, steps) = (model.lanes().len().max(2) - 1, model.len().max(1));
    let number = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    let (width, height) = (number(lanes), number(steps));
    let lines = spacetime::overview(model);
    let style = app.options.theme.style(Role::Plain);
    let marker = if app.options.ascii { Marker::Custom('*') } else { Marker::Braille };
    // Names above the lanes and numbers of steps beside them, where there is room.
    let whole = inner;
    let gutter = u16::try_from(model.number(model.len()).to_string().len() + 2).unwrap_or(u16::MAX);
    let framed = inner.height >= 4 && inner.width >= gutter + 20;
    let inner = if framed {
        Rect { x: inner.x + gutter, y: inner.y + 1, width: inner.width - gutter, height: inner.height - 1 }
    } else {
        inner
    };
    let canvas =
        Canvas::default().marker(marker).x_bounds([-0.3, width + 0.3]).y_bounds([0.0, height]).paint(|ctx| {
            for ((x1, y1), (x2, y2)) in &lines {
                ctx.draw(&CanvasLine {
                    x1: number(*x1),
                    y1: height - number(*y1),
                    x2: number(*x2),
                    y2: height - number(*y2),
                    color: style.fg.unwrap_or_default(),
                });
            }
        });
    frame.render_widget(canvas, inner);
    let rows = usize::from(inner.height).max(1);
    let row = |step: usize| (step * (rows - 1)) / steps;
    let here = app.session.step();
    if framed {
        let names = Layout::new(model, whole.width.into(), app.options.ascii, &BTreeSet::new()).names;
        let mut header = Line::new();
        for (place, node) in model.lanes().iter().enumerate() {
            let x = usize::from(gutter) + (10 * place + 3) * usize::from(inner.width) / (10 * lanes + 6);
            let name = &names[*node];
            let begin = x.saturating_sub(name.chars().count() / 2);
            if begin > header.width() || header.is_empty() {
                header.pad_to(begin);
                header.push(Role::Node, name);
            }
        }
        let mut numbers = BTreeMap::new();
        for step in [0, model.len(), here] {
            numbers.insert(row(step), model.number(step));
        }
        put(app, frame.buffer_mut(), whole, 0, &header.fit(whole.width.into(), ">"));
        for (row, number) in numbers {
            let width = usize::from(gutter) - 1;
            put(app, frame.buffer_mut(), whole, row + 1, &Line::of(Role::Dim, format!("{number:>width$}")));
        }
    }
    select(frame.buffer_mut(), inner, row(here));
    if inner.height > 0 {
        for i in 0..rows {
            let y = inner.y + u16::try_from(i).unwrap_or_default();
            let step = (i * steps).div_ceil((rows - 1).max(1)).min(steps);
            app.hits.push((Rect { y, height: 1, ..inner }, Hit::Step(step)));
        }
    }
}

/// Whether a row begins with the sign of a change.
fn is_change(line: &Line) -> bool {
    let first = line.spans().first();
    first.is_some_and(|span| matches!(span.role, Role::Added | Role::Removed | Role::Changed))
}

fn rows(app: &mut App, buffer: &mut Buffer, panel: Panel, inner: Rect, framed: bool) {
    let rows = app.rows(panel);
    let cursor = app.cursor(panel, &rows);
    let focused = app.session.panel == panel;
    let mut height = usize::from(inner.height);
    // Where there is no frame that could say how much more there is, a row does.
    let counted = !framed && rows.len() > height && height >= 4;
    if counted {
        height -= 1;
    }
    // A panel begins at its beginning, and the state of a node where something changed.
    let changed = || rows.iter().position(|row| is_change(&row.line)).filter(|place| *place + 1 >= height);
    let begin =
        || if panel == Panel::State { changed().map_or(0, |place| place.saturating_sub(1)) } else { 0 };
    let before = app.offsets.get(&panel).copied().unwrap_or_else(begin);
    let moved = app.cursors.contains_key(&panel) || panel == Panel::State;
    let mut first = offset(before, cursor.filter(|_| moved), rows.len(), height);
    if let (Panel::Pending, Some(cursor), Some(_)) = (panel, cursor, app.session.preview()) {
        // What it would do stands below it.
        first = cursor.saturating_sub(1).min(rows.len().saturating_sub(height)).max(first.min(cursor));
    }
    app.offsets.insert(panel, first);
    if counted {
        let (above, below) = (first, rows.len().saturating_sub(first + height));
        let text = match (above, below) {
            (0, below) => format!("{below} more"),
            (above, 0) => format!("{above} above"),
            (above, below) => format!("{above} above, {below} more"),
        };
        put(app, buffer, inner, height, &Line::of(Role::Dim, format!("  {text}: Ctrl-d, Ctrl-u")));
    }
    for (i, row) in rows.iter().enumerate().skip(first).take(height) {
        put(app, buffer, inner, i - first, &row.line);
        let y = inner.y + u16::try_from(i - first).unwrap_or_default();
        app.hits.push((Rect { y, height: 1, ..inner }, Hit::Row(panel, i)));
        if Some(i) == cursor && focused {
            select(buffer, inner, i - first);
            if framed && inner.x > 0 && buffer.area.contains((inner.x - 1, y).into()) {
                buffer.set_string(inner.x - 1, y, ">", app.options.theme.style(Role::Strong));
            }
        }
    }
    if rows.len() > first + height && framed && inner.width > 10 && inner.height > 1 {
        let more = format!(" {} more ", rows.len() - first - height);
        let x = inner.x + inner.width.saturating_sub(u16::try_from(more.len()).unwrap_or_default());
        let y = inner.y + inner.height;
        if buffer.area.contains((x, y).into()) {
            buffer.set_stringn(x, y, more, inner.width.into(), app.options.theme.style(Role::Dim));
        }
    }
}

fn why(app: &mut App, buffer: &mut Buffer, rect: Rect) {
    if rect.height == 0 {
        return;
    }
    let name = app.session.model().predicates()[app.session.predicate].name.clone();
    let mut inner = rect;
    if rect.height >= 5 {
        let set = if app.options.ascii { ASCII_BORDER } else { border::PLAIN };
        let title =
            Line::plain(format!(" Why?  {name} ")).fit(usize::from(rect.width.saturating_sub(4)), ">").text();
        let style = app.options.theme.style(Role::Dim);
        let block = Block::bordered().border_set(set).title(title).border_style(style);
        inner = block.inner(rect);
        block.render(rect, buffer);
    }
    let paper = Paper { width: inner.width.into(), ascii: app.options.ascii };
    for (i, line) in panels::why_strip(&mut app.session, paper).iter().enumerate() {
        put(app, buffer, inner, i, line);
    }
    app.hits.push((rect, Hit::Panel(Panel::Why)));
}

/// Hints, the most useful first; the last is never left out.
const HINTS: [(&str, &str); 9] = [
    (",.", "step"),
    ("jk", "move"),
    ("Enter", "go"),
    ("4", "why"),
    ("w", "cause"),
    ("[ ]", "change"),
    ("/", "find"),
    ("v", "violation"),
    (":", "command"),
];

/// The same where things can happen.
const LIVE_HINTS: [(&str, &str); 9] = [
    ("3", "pending"),
    ("d", "do it"),
    ("e", "what would it do"),
    (",.", "step"),
    ("B", "branch"),
    ("S", "search"),
    ("4", "why"),
    ("o", "orders"),
    (":", "command"),
];

/// How many lines a message gets.
const MESSAGE_LINES: usize = 5;

/// A text in lines of some width, broken between words. The last of at most `max` lines has the rest.
fn broken(text: &str, width: usize, max: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        let longer = Line::plain(&lines[last]).width() + 1 + Line::plain(word).width();
        if longer > width && !lines[last].is_empty() && lines.len() < max {
            lines.push(word.to_owned());
        } else {
            if !lines[last].is_empty() {
                lines[last].push(' ');
            }
            lines[last].push_str(word);
        }
    }
    lines
}

fn footer(app: &mut App, frame: &mut Frame<'_>, rect: Rect) {
    let width = usize::from(rect.width);
    let help = Line::of(Role::Strong, " ?").with(Role::Plain, " help ");
    let room = width.saturating_sub(help.width());
    let mut line = Line::new();
    let mut cursor = None;
    if let Some(prompt) = &app.prompt {
        let (before, after) = prompt.parts();
        let name = entry_of(prompt.action).name;
        let label = if name == "command" { ":".to_owned() } else { format!("{name}: ") };
        line.push(Role::Strong, label);
        // The end of what was typed is what one looks at.
        let left = width.saturating_sub(line.width() + 2);
        let shown = before.chars().count().saturating_sub(left);
        line.push(Role::Plain, before.chars().skip(shown).collect::<String>());
        cursor = Some(line.width());
        line.push(Role::Plain, after);
        line = line.fit(width, ">");
    } else if app.count().len() > 1 && app.message.is_none() {
        line.push(Role::Strong, format!(" {}", app.count()));
        line.push(Role::Dim, "  then g: to that step");
        line = line.fit(room, ">");
    } else if let Some(text) = app.session.busy() {
        line.push(Role::Strong, format!(" {text}"));
        line = line.fit(room, ">");
    } else if let Some((text, error)) = &app.message {
        let role = if *error { Role::Bad } else { Role::Plain };
        let above = usize::from(rect.y.saturating_sub(frame.area().y)).min(MESSAGE_LINES - 1);
        let mut lines = broken(text, room.saturating_sub(1), above + 1);
        line.push(role, format!(" {}", lines.pop().unwrap_or_default()));
        line = line.fit(room, ">");
        // What does not fit into the last line stands in those above it.
        let rows = u16::try_from(lines.len()).unwrap_or_default();
        let over = Rect { y: rect.y - rows, height: rows, ..rect };
        frame.render_widget(Clear, over);
        for (i, text) in lines.iter().enumerate() {
            put(app, frame.buffer_mut(), over, i, &Line::of(role, format!(" {text}")).fit(width, ">"));
        }
    } else {
        for (keys, what) in if app.session.is_live() { LIVE_HINTS } else { HINTS } {
            let hint = Line::of(Role::Strong, format!(" {keys}")).with(Role::Plain, format!(" {what} "));
            if line.width() + hint.width() <= room {
                line.append(hint);
            }
        }
    }
    if app.prompt.is_none() {
        line.pad_to(room);
        line.append(help);
    }
    put(app, frame.buffer_mut(), rect, 0, &line.fit(width, ">"));
    if let Some(x) = cursor.and_then(|x| u16::try_from(x).ok()).filter(|x| *x < rect.width) {
        frame.set_cursor_position((rect.x + x, rect.y));
    }
}

/// The list of what can be done, over everything else.
fn palette(app: &mut App, frame: &mut Frame<'_>, area: Rect) {
    let Some(palette) = app.palette.clone() else { return };
    let margin = |size: u16, least: u16| if size > least + 8 { 4 } else { 0 };
    let (mx, my) = (margin(area.width, 60), margin(area.height, 20) / 2);
    let rect =
        Rect { x: area.x + mx, y: area.y + my, width: area.width - 2 * mx, height: area.height - 2 * my };
    frame.render_widget(Clear, rect);
    let set = if app.options.ascii { ASCII_FOCUS } else { border::THICK };
    let title = " What can be done: type to filter, Enter does it, Esc leaves ";
    let title = Line::plain(title).fit(usize::from(rect.width.saturating_sub(4)), ">").text();
    let block = Block::bordered().border_set(set).title(title);
    let inner = block.inner(rect);
    frame.render_widget(block, rect);
    let text = Line::of(Role::Strong, "> ").with(Role::Plain, &palette.text);
    put(app, frame.buffer_mut(), inner, 0, &text);
    let height = usize::from(inner.height.saturating_sub(1));
    let lines = palette.lines(&app.session, inner.width.into());
    let first = offset(0, Some(palette.selected()), lines.len(), height);
    for (i, line) in lines.iter().enumerate().skip(first).take(height) {
        put(app, frame.buffer_mut(), inner, i - first + 1, line);
        if i == palette.selected() {
            select(frame.buffer_mut(), inner, i - first + 1);
        }
    }
    if lines.is_empty() {
        put(app, frame.buffer_mut(), inner, 1, &Line::of(Role::Dim, " nothing fits"));
    }
}
