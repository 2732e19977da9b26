//! Screens at many sizes, walks through the viewer, and the way to the cause of the demo's bug.

use std::collections::BTreeMap;

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use super::app::{App, Effect};
use super::{Options, Theme, draw};
use crate::model::Model;
use crate::sample;
use crate::session::Session;
use crate::session::action::{Panel, TABLE};
use crate::trace_file::TraceFile;

const PLAIN: Options = Options { theme: Theme::Mono, ascii: false, mouse: true, dslabs_keys: false };

fn app(file: TraceFile, options: Options) -> App {
    App::new(Session::new(Model::new(file), Some("traces/demo.json".into())), options)
}

fn buffer(app: &mut App, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw::draw(app, frame)).unwrap();
    terminal.backend().buffer().clone()
}

/// What is on the screen, without the spaces at the ends of lines.
fn screen(app: &mut App, width: u16, height: u16) -> String {
    let buffer = buffer(app, width, height);
    let lines = (0..height).map(|y| {
        let line: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
        format!("{}\n", line.trim_end())
    });
    lines.collect()
}

/// The styles on the screen, a letter for each, with what the letters mean.
fn styles(app: &mut App, width: u16, height: u16) -> String {
    let buffer = buffer(app, width, height);
    let mut letters: BTreeMap<String, char> = BTreeMap::new();
    let mut legend = Vec::new();
    let mut text = String::new();
    for y in 0..height {
        let line: String = (0..width)
            .map(|x| {
                let style = buffer[(x, y)].style();
                let name = format!("{:?} {:?}", style.fg.unwrap_or_default(), style.add_modifier);
                if style.add_modifier.is_empty() && name.starts_with("Reset") {
                    return ' ';
                }
                let next = char::from(b'a' + u8::try_from(letters.len()).unwrap());
                *letters.entry(name.clone()).or_insert_with(|| {
                    legend.push(format!("{next} {name}"));
                    next
                })
            })
            .collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    format!("{text}{}", legend.join("\n"))
}

fn press(app: &mut App, keys: &str) {
    for key in keys.split_whitespace() {
        app.press(key);
    }
}

fn type_in(app: &mut App, text: &str) {
    for c in text.chars() {
        let key = if c == ' ' { "Space".to_owned() } else { c.to_string() };
        app.press(&key);
    }
    app.press("Enter");
}

#[test]
fn screens_at_every_size() {
    for (width, height) in [(60, 15), (80, 24), (84, 50), (120, 40), (200, 60)] {
        let mut app = app(sample::demo(), PLAIN);
        insta::assert_snapshot!(format!("demo_{width}x{height}"), screen(&mut app, width, height));
    }
    let mut app = app(sample::demo(), PLAIN);
    insta::assert_snapshot!(screen(&mut app, 28, 6), @"
    terminal too small: 28x6, ne
    ");
}

#[test]
fn every_panel() {
    for panel in Panel::ALL {
        let mut app = app(sample::demo(), PLAIN);
        press(&mut app, &format!("9 g {}", panel.number()));
        insta::assert_snapshot!(format!("panel_{}", panel.name().to_lowercase()), screen(&mut app, 80, 24));
    }
}

#[test]
fn every_sample_trace() {
    let samples = [
        ("violated", sample::violated()),
        ("staged", sample::staged()),
        ("panicked", sample::panicked()),
        ("crashed", sample::crashed()),
    ];
    for (name, file) in samples {
        let mut app = app(file, PLAIN);
        press(&mut app, "4");
        insta::assert_snapshot!(format!("sample_{name}"), screen(&mut app, 100, 30));
    }
}

#[test]
fn colours_and_their_absence() {
    for (name, theme) in Theme::ALL {
        let mut app = app(sample::demo(), Options { theme, ..PLAIN });
        press(&mut app, "c");
        insta::assert_snapshot!(format!("styles_{name}"), styles(&mut app, 80, 24));
    }
    for (width, height) in [(60, 15), (120, 40), (200, 60)] {
        let mut app = app(sample::demo(), Options { theme: Theme::Ansi, ..PLAIN });
        insta::assert_snapshot!(format!("styles_ansi_{width}x{height}"), styles(&mut app, width, height));
    }
    // Without colours nothing may have one.
    let mut app = app(sample::demo(), PLAIN);
    let buffer = buffer(&mut app, 120, 40);
    assert!(buffer.content.iter().all(|cell| cell.fg == ratatui::style::Color::Reset));
    assert!(buffer.content.iter().all(|cell| cell.bg == ratatui::style::Color::Reset));
}

#[test]
fn ascii_is_ascii() {
    for (width, height) in [(60, 15), (80, 24), (120, 40), (200, 60)] {
        let mut app = app(sample::demo(), Options { ascii: true, ..PLAIN });
        for keys in ["", "Z", "Z", "4", "3", "5", "?"] {
            press(&mut app, keys);
            let text = screen(&mut app, width, height);
            let strange: String = text.chars().filter(|c| !c.is_ascii()).collect();
            assert_eq!(strange, "", "{keys} at {width}x{height}:\n{text}");
        }
    }
    let mut app = app(sample::demo(), Options { ascii: true, ..PLAIN });
    insta::assert_snapshot!(screen(&mut app, 80, 24));
}

#[test]
fn help_search_filter_lanes_overview_and_prompt() {
    let shown = |keys: &str, text: Option<&str>| {
        let mut app = app(sample::demo(), PLAIN);
        press(&mut app, keys);
        if let Some(text) = text {
            type_in(&mut app, text);
        }
        screen(&mut app, 80, 24)
    };
    insta::assert_snapshot!("help", shown("?", None));
    insta::assert_snapshot!("found", shown("/", Some("type:Accept")));
    insta::assert_snapshot!("filtered", shown("f", Some("node:acceptor2")));
    insta::assert_snapshot!("lanes", shown("Z z", None));
    insta::assert_snapshot!("overview", shown("Z Z z", None));
    insta::assert_snapshot!("prompt", shown("/ t y p", None));
    insta::assert_snapshot!("compared", shown("=", None));
    insta::assert_snapshot!("mistake", shown(":", Some("deliver 3")));
}

/// The demo's bug is an acceptor that promises number 2 and then accepts number 1. One key says so in words; two more
/// show the step and the acceptor's fields side by side.
#[test]
fn the_cause_of_the_demo_is_found_within_six_keys() {
    let mut app = app(sample::demo(), PLAIN);
    let keys = ["4", "Enter", "2"];
    assert!(keys.len() <= 6);
    // The first key.
    app.press(keys[0]);
    let text = screen(&mut app, 80, 24);
    assert!(text.contains("acceptor2: 8 Prepare 2 for"), "{text}");
    for key in &keys[1..] {
        app.press(key);
        screen(&mut app, 80, 24);
    }
    let text = screen(&mut app, 80, 24);
    assert_eq!(app.session.step(), 9);
    assert!(text.contains("acceptor2  changed at 9"), "{text}");
    let field = |name: &str| text.lines().find(|line| line.contains(name)).unwrap_or_default();
    assert!(field("prepared ").contains("Some(2)"), "{text}");
    assert!(field("accepted ").contains("None →") && text.contains("Some(Proposal {"), "{text}");
    insta::assert_snapshot!(text);
}

/// Two leaders in one term, because a server voted for both. It opens at the second victory. One key says who voted twice;
/// and two steps back is the second vote, with what it did to the voter one key away.
#[test]
fn the_cause_of_a_double_vote_is_found_within_six_keys() {
    let mut app = app(sample::double_vote(), PLAIN);
    let keys = ["4", "1", "k", "k", "5"];
    assert!(keys.len() <= 6);
    app.press(keys[0]);
    insta::assert_snapshot!(screen(&mut app, 80, 24));
    for key in &keys[1..] {
        app.press(key);
        screen(&mut app, 80, 24);
    }
    let text = screen(&mut app, 80, 24);
    assert!(text.contains("4  server3 receives Vote"), "{text}");
    assert!(text.contains("saved.vote  Some(server2) →") && text.contains("Some(server1)"), "{text}");
}

#[test]
fn numbers_are_panels_until_they_are_counts() {
    let mut app = app(sample::demo(), PLAIN);
    press(&mut app, "3");
    assert_eq!(app.session.panel, Panel::Pending);
    press(&mut app, "Esc 3 Tab Shift-Tab 1 2 g");
    assert_eq!((app.session.step(), app.session.panel), (12, Panel::Pending));
    press(&mut app, "5 .");
    assert_eq!((app.session.step(), app.session.panel), (13, Panel::Step), "a panel was meant");
    press(&mut app, "2 4 . g");
    assert_eq!((app.session.step(), app.session.panel), (0, Panel::Why));
    press(&mut app, "Ctrl-o Ctrl-o Ctrl-n");
    assert_eq!(app.session.step(), 14);
    // Who has looked at panels for a while means the first step by `g`.
    press(&mut app, "2 3 5");
    assert_eq!(app.count(), "235");
    app.wait(std::time::Duration::from_secs(3));
    assert_eq!(app.count(), "");
    press(&mut app, "g");
    assert_eq!((app.session.step(), app.session.panel), (0, Panel::Step));
    press(&mut app, "1 4 g 9 =");
    assert_eq!((app.session.step(), app.session.base_step()), (14, 9));
    type_in_command(&mut app, "4");
    assert_eq!(app.session.step(), 4);
}

fn type_in_command(app: &mut App, text: &str) {
    app.press(":");
    type_in(app, text);
}

#[test]
fn notes_must_be_saved_or_left_on_purpose() {
    let mut app = app(sample::demo(), PLAIN);
    press(&mut app, "a");
    type_in(&mut app, "look here");
    press(&mut app, "q");
    assert!(!app.is_ended());
    press(&mut app, ". q");
    assert!(!app.is_ended(), "doing something else takes it back");
    press(&mut app, "q");
    assert!(app.is_ended());
}

/// An empty answer takes the notes of a step away, and ends a search and a filter.
#[test]
fn nothing_is_an_answer_too() {
    let mut app = app(sample::demo(), PLAIN);
    app.session.author = "ta".to_owned();
    for (key, text) in [("a", "look here"), ("/", "type:Accept"), ("f", "node:acceptor2")] {
        press(&mut app, key);
        type_in(&mut app, text);
    }
    let file = app.session.model().file();
    assert_eq!((file.notes.len(), file.notes[0].by.as_str()), (1, "ta"));
    assert!(app.session.query().is_some() && app.session.filter().is_some());
    app.session.move_to(file.notes[0].step);
    press(&mut app, "a Enter / Enter f Enter");
    assert_eq!(app.session.model().file().notes, []);
    assert!(app.session.query().is_none() && app.session.filter().is_none() && app.prompt.is_none());
    press(&mut app, "S");
    assert!(app.message.as_ref().unwrap().1, "a saved trace cannot be searched on");
}

/// What is watched is saved with the trace, and there when it is opened again.
#[test]
fn watches_are_kept_with_notes() {
    let mut app = app(sample::demo(), PLAIN);
    press(&mut app, "+");
    type_in(&mut app, "max(acceptor*.prepared)");
    press(&mut app, "q");
    assert_eq!(
        app.message.as_ref().unwrap().0,
        "notes, bookmarks and watches are not saved: Ctrl-s saves, `q` again leaves without"
    );
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("watch.json");
    type_in_command(&mut app, &format!("save {}", path.display()));
    let again = TraceFile::load(&path).unwrap();
    let mut app = super::tests::app(again, PLAIN);
    press(&mut app, "6");
    let text = screen(&mut app, 80, 24);
    // The value is never what is cut.
    assert!(text.contains("1 max(acceptor*.prepared)  2 ") && text.contains("since 8"), "{text}");
}

/// The fields that say it are written out, however little room there is.
#[test]
fn what_changed_is_never_cut() {
    let mut app = app(sample::double_vote(), PLAIN);
    press(&mut app, "2 k k");
    for (width, height) in [(80, 24), (60, 15), (60, 24)] {
        press(&mut app, "1 . . , , 4 g 2");
        let text = screen(&mut app, width, height);
        let words: String = text.split(|c: char| c.is_whitespace() || "│┃".contains(c)).collect();
        assert!(words.contains("server2") && words.contains("Some(server1)"), "{width}x{height}\n{text}");
    }
    let mut app = super::tests::app(sample::demo(), PLAIN);
    press(&mut app, "2");
    let text = screen(&mut app, 60, 15);
    assert!(
        text.contains("accept_acks") && text.contains("decision"),
        "it begins where something changed:\n{text}"
    );
    assert!(text.contains(" more: Ctrl-d"), "{text}");
}

#[test]
fn what_is_copied_and_printed() {
    let mut app = app(sample::demo(), PLAIN);
    screen(&mut app, 80, 24);
    press(&mut app, "9 g L");
    assert_eq!(app.effects(), [Effect::Copy("cargo lab show traces/demo.json --step 9".to_owned())]);
    press(&mut app, "2 j j p V");
    let copied = app.effects();
    assert_eq!(copied, [Effect::Copy("acceptor2.prepared".to_owned()), Effect::Copy("Some(2)".to_owned())]);
    press(&mut app, "Y F2 Ctrl-l Ctrl-z");
    assert_eq!(app.effects(), [Effect::Mouse(false), Effect::Redraw, Effect::Suspend]);
    let printed = app.printed();
    assert!(printed[0].starts_with("step 9 of 18: acceptor2 receives Accept"), "{printed:?}");
}

#[test]
fn clicks_select_steps_rows_and_panels() {
    let mut app = app(sample::demo(), PLAIN);
    let text = screen(&mut app, 80, 24);
    let click = |app: &mut App, column: u16, row: u16, kind: MouseEventKind| {
        app.mouse(&MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE });
        screen(app, 80, 24)
    };
    let down = MouseEventKind::Down(MouseButton::Left);
    let row = text.lines().position(|line| line.contains(" 15 14")).unwrap();
    click(&mut app, 10, u16::try_from(row).unwrap(), down);
    assert_eq!(app.session.step(), 15);
    let (row, line) = text.lines().enumerate().find(|(_, line)| line.contains("4Why")).unwrap();
    let column =
        line.chars().collect::<String>().find("4Why").map(|byte| line[..byte].chars().count()).unwrap();
    let text = click(&mut app, u16::try_from(column).unwrap(), u16::try_from(row).unwrap(), down);
    assert_eq!(app.session.panel, Panel::Why);
    let row = u16::try_from(text.lines().position(|line| line.contains("= acceptor2: 8")).unwrap()).unwrap();
    click(&mut app, 60, row, down);
    click(&mut app, 60, row, down);
    assert_eq!(app.session.step(), 9);
    click(&mut app, 5, 10, MouseEventKind::ScrollUp);
    assert_eq!(app.session.step(), 8);
    click(&mut app, 200, 100, down);
}

fn samples() -> [TraceFile; 6] {
    [
        sample::demo(),
        sample::violated(),
        sample::staged(),
        sample::panicked(),
        sample::crashed(),
        sample::random(7, 200),
    ]
}

#[test]
fn every_size_can_be_drawn() {
    for file in [sample::demo(), sample::crashed()] {
        for keys in ["", "2", "3", "4", "5", "6", "?", "Z", "Z Z", ": a b c", "z"] {
            let mut app = app(file.clone(), PLAIN);
            press(&mut app, keys);
            for width in (1..=220).step_by(7) {
                for height in (1..=70).step_by(7) {
                    buffer(&mut app, width, height);
                }
            }
        }
    }
}

/// SplitMix, so that a failing walk can be walked again by its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(count).unwrap()).unwrap()
    }
}

#[test]
fn ten_thousand_random_keys_break_nothing() {
    let keys: Vec<&str> = TABLE.iter().flat_map(|entry| entry.keys).copied().collect();
    let texts =
        ["", "type:Accept", "max(a*.prepared)", "9", "acceptor2", "zzz", "/(/", "server1.text", "go 3", "-1"];
    for (seed, file) in samples().into_iter().enumerate() {
        let mut random = Random(u64::try_from(seed).unwrap());
        let mut app = app(file.clone(), PLAIN);
        let (mut width, mut height) = (80, 24);
        for step in 0..10_000 / samples().len() + 1 {
            // Saving would write files, and an ended viewer does nothing.
            let key = keys[random.below(keys.len())];
            if key == "Ctrl-s" || (key == "q" && app.prompt.is_none()) {
                continue;
            }
            app.press(key);
            if app.prompt.is_some() {
                let text = texts[random.below(texts.len())];
                if !text.starts_with("save") {
                    type_in(&mut app, text);
                }
            }
            if random.below(10) == 0 {
                app.press(["3", "0", "7"][random.below(3)]);
            }
            if random.below(40) == 0 {
                (width, height) = (
                    1 + u16::try_from(random.below(200)).unwrap(),
                    1 + u16::try_from(random.below(60)).unwrap(),
                );
            }
            if random.below(5) == 0 {
                let (column, row) =
                    (u16::try_from(random.below(200)).unwrap(), u16::try_from(random.below(60)).unwrap());
                let kinds = [
                    MouseEventKind::Down(MouseButton::Left),
                    MouseEventKind::ScrollDown,
                    MouseEventKind::ScrollUp,
                ];
                app.mouse(&MouseEvent {
                    kind: kinds[random.below(3)],
                    column,
                    row,
                    modifiers: KeyModifiers::NONE,
                });
            }
            let drawn =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| buffer(&mut app, width, height)));
            assert!(drawn.is_ok(), "seed {seed}, action {step}, key `{key}`, {width}x{height}");
            assert!(app.session.step() <= app.session.model().len());
            app.effects();
        }
    }
}
// BEGIN INSTRUCTOR ONLY

fn live(options: &str) -> App {
    let arguments = options.split_whitespace().map(str::to_owned).collect();
    let engine = crate::live::Inside(std::sync::Arc::new(clientserver::ClientServer));
    App::new(crate::live::explore(Box::new(engine), arguments).unwrap().session, PLAIN)
}

#[test]
fn live_screens_at_every_size() {
    for (width, height) in [(60, 15), (80, 24), (120, 40), (200, 60)] {
        let mut app = live("--clients 2 --workload APPEND:k:%a");
        // One message arrives, then at the step before another one: two branches, and what the next would do.
        screen(&mut app, width, height);
        press(&mut app, "3 j j d , 3 j j j d");
        press(&mut app, "3 j e");
        insta::assert_snapshot!(format!("live_{width}x{height}"), screen(&mut app, width, height));
        app.options.theme = Theme::Ansi;
        insta::assert_snapshot!(format!("live_styles_{width}x{height}"), styles(&mut app, width, height));
    }
}

/// A crash happens to the node of the row, as everything else does; and what happened is not left without a question.
#[test]
fn a_crash_is_of_the_row_that_is_selected() {
    let mut app = live("--clients 2 --workload APPEND:k:%a");
    screen(&mut app, 80, 24);
    press(&mut app, "3 j j j j");
    let label = match app.rows(Panel::Pending).get(app.cursors[&Panel::Pending]).unwrap().target.clone() {
        Some(crate::panels::Target::Choice(label)) => label,
        other => panic!("{other:?}"),
    };
    let node = app.session.node_of_choice(&label).unwrap();
    assert_ne!(node, app.session.model().address(app.session.node()));
    press(&mut app, "D");
    let crashed = app.session.model().step(1).unwrap().event.clone();
    assert_eq!(crashed, crate::trace_file::Happening::Crash { node, during: None });
    press(&mut app, "q");
    assert!(!app.is_ended());
    assert_eq!(
        app.message.as_ref().unwrap().0,
        "what happened is not saved: Ctrl-s saves, `q` again leaves without"
    );
    press(&mut app, "q");
    assert!(app.is_ended());
}

#[test]
fn live_panels() {
    let mut app = live("--clients 2 --workload APPEND:k:%a");
    screen(&mut app, 80, 24);
    press(&mut app, "3 d d d S");
    type_in(&mut app, "goal");
    press(&mut app, "| 7");
    insta::assert_snapshot!("live_tree", screen(&mut app, 80, 24));
    // Enter on a branch goes there.
    press(&mut app, "k k k k Enter");
    assert_eq!(app.session.model().branch(), "main");
    press(&mut app, "g 3 j j x");
    insta::assert_snapshot!("live_pending_lost", screen(&mut app, 80, 24));
    assert_eq!(app.session.lost().len(), 1);
    press(&mut app, "? l o s e");
    insta::assert_snapshot!("live_help", screen(&mut app, 80, 24));
    press(&mut app, "Esc D");
    assert!(app.session.model().step(1).is_some());
    press(&mut app, "Ctrl-x");
    assert_eq!(app.message.as_ref().unwrap().0, "nothing is being worked on");
}

/// Whatever is pressed, in whatever order, on a session that can go on.
#[test]
fn random_keys_break_nothing_live() {
    let keys: Vec<&str> = TABLE
        .iter()
        .flat_map(|entry| entry.keys.iter().copied())
        .filter(|key| !matches!(*key, "q" | "Ctrl-c" | "Ctrl-s" | "Ctrl-z"))
        .collect();
    let mut random = sample::Random::new(11);
    let mut app = live("--clients 2 --workload APPEND:k:%a");
    for round in 0..2_000 {
        let key = if random.below(3) == 0 {
            ["d", "t", "e", "3"][random.below(4)]
        } else {
            keys[random.below(keys.len())]
        };
        app.press(key);
        if random.below(10) == 0 {
            type_in(&mut app, ["goal within 20", "m1", "main", ""][random.below(4)]);
        }
        if app.session.branches().len() > 10 || app.session.model().len() > 30 {
            app = live("--clients 2 --workload APPEND:k:%a");
        }
        let (width, height) = [(60, 15), (80, 24), (120, 40), (200, 60)][round % 4];
        screen(&mut app, width, height);
    }
}
// END INSTRUCTOR ONLY
