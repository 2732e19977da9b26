//! The exported page in a real browser, without a network: that it says what the viewer says, step by step, that keys, links
//! and the mouse work, that nothing in a trace acts, and that it is complete without scripts.
//!
//! Where there is no Chromium these tests say so and check nothing.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

mod chromium;

use std::path::PathBuf;
use std::process::Command;

use chromium::Page;
use serde_json::{Value, json};
use visualizer::export::{Format, export, export_watching};
use visualizer::model::find::Query;
use visualizer::model::tree::{self, Folds};
use visualizer::model::watch::Watch;
use visualizer::panels::{self, Paper};
use visualizer::session::Session;
use visualizer::session::action::Panel;
use visualizer::{Model, TraceFile};

/// The browser, or the end of the test.
macro_rules! page {
    ($test:literal) => {
        match Page::start($test, 1280, 800) {
            Some(page) => page,
            None => return,
        }
    };
}

/// The trace of the demo.
fn demo(page: &Page) -> TraceFile {
    let path = page.folder().join("demo.json");
    let output =
        Command::new(env!("CARGO_BIN_EXE_lab")).args(["demo", "--trace"]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    TraceFile::load(&path).unwrap()
}

fn written(page: &Page, trace: &TraceFile) -> PathBuf {
    let path = page.folder().join("page.html");
    let html = export(&Model::new(trace.clone()), "demo.json", Format::Html).unwrap();
    std::fs::write(&path, html).unwrap();
    path
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn step(page: &mut Page) -> usize {
    let here = page.text("document.querySelector('#here strong').textContent");
    let step = here.split(' ').nth(1).and_then(|word| word.parse().ok());
    let step = step.unwrap_or_else(|| panic!("`{here}` is no step"));
    assert_eq!(page.ask("document.querySelectorAll('#labels a.selected').length"), 1);
    let selected = page.text("document.querySelector('#labels a.selected').dataset.step");
    assert_eq!(selected.parse::<usize>().unwrap(), step);
    step
}

#[test]
fn keys_links_and_the_mouse_move_the_step() {
    let mut page = page!("keys");
    let trace = demo(&page);
    let model = Model::new(trace.clone());
    let file = written(&page, &trace);
    page.open(&file, "");
    assert_eq!(step(&mut page), model.first_violation());
    let mut moves = |keys: &str| {
        page.press(keys);
        step(&mut page)
    };
    assert_eq!(moves(","), 17);
    assert_eq!(moves("ArrowLeft"), 16);
    assert_eq!(moves("g"), 0);
    assert_eq!(moves(","), 0, "there is nothing before the start");
    assert_eq!(moves("."), 1);
    assert_eq!(moves("ArrowRight j"), 3);
    assert_eq!(moves("k"), 2);
    assert_eq!(moves("G"), 18);
    assert_eq!(moves("."), 18, "there is nothing after the end");
    assert_eq!(moves("9 g"), 9);
    page.ask("new Promise((done) => setTimeout(done, 500))");
    assert_eq!(page.text("location.hash"), "#step=9", "the address is a link to the step");
    let mut moves = |keys: &str| {
        page.press(keys);
        step(&mut page)
    };
    assert_eq!(moves("1 2 g"), 12);
    assert_eq!(moves("K"), model.previous_of_node(12).unwrap());
    assert_eq!(moves("J"), 12);
    assert_eq!(moves("w"), model.walk_back(12).unwrap().step);
    assert_eq!(moves("1 2 g m"), model.sending_step(12).unwrap());
    assert_eq!(moves("g }"), model.predicates()[0].flips()[0]);
    assert_eq!(moves("{"), 18, "there is no earlier flip");
    assert_eq!(moves("i {"), model.predicates()[1].flips()[0]);
    assert_eq!(moves("v"), 18);
    page.press("/ A c c e p t Enter");
    let found = step(&mut page);
    assert!(model.headline(found, 200).contains("Accept"), "{found}");
    page.press("Escape ?");
    assert_eq!(page.ask("document.getElementById('help').open"), true);
    page.press("Escape");
    assert_eq!(page.ask("document.getElementById('help').open"), false);
    page.click("#labels a[data-step='5']");
    assert_eq!(step(&mut page), 5);
    page.click("#strip .cells span[data-step='2']");
    assert_eq!(step(&mut page), 2);
    page.click("#buttons [data-action='next']");
    assert_eq!(step(&mut page), 3);
    page.open(&file, "#step=9");
    assert_eq!(step(&mut page), 9);
    page.ask("location.hash = '#step=4'; new Promise((done) => setTimeout(done, 500))");
    assert_eq!(step(&mut page), 4);
    page.open(&file, "#step=999");
    assert_eq!(step(&mut page), 18);
    page.open(&file, "#step=x\"><img src=x>");
    assert_eq!(step(&mut page), model.first_violation());
    page.was_quiet();
}

/// What the panels say is what the viewer says, at every step; and what is lit is what the model says.
#[test]
fn the_page_says_what_the_viewer_says() {
    let mut page = page!("panels");
    let trace = demo(&page);
    let file = written(&page, &trace);
    let mut session = Session::new(Model::new(trace.clone()), None);
    page.open(&file, "#step=0");
    let paper = Paper { width: 4_000, ascii: false };
    for here in 0..=trace.steps.len() {
        session.move_to(here);
        for (key, panel) in [("3", Panel::Pending), ("5", Panel::Step)] {
            page.press_quickly(key);
            let shown = page
                .text("[...document.querySelectorAll('#panel li')].map((li) => li.textContent).join(' ')");
            let rows = panels::rows(&mut session, panel, paper);
            let text: Vec<String> = rows.iter().map(|row| row.line.text()).collect();
            assert_eq!(squeezed(&shown), squeezed(&text.join(" ")), "{} at {here}", panel.name());
        }
        for (key, expected) in [("c", session.model().past(&[here])), ("C", session.model().future(here))] {
            page.press_quickly(key);
            let lit = page
                .ask("[...document.querySelectorAll('#labels a.lit')].map((a) => Number(a.dataset.step))");
            let expected: Vec<usize> = (0..expected.len()).filter(|step| expected[*step]).collect();
            // Everything comes after the start, and the page says so too.
            assert_eq!(lit, json!(expected), "`{key}` at {here}");
            page.press_quickly(key);
        }
        if here < trace.steps.len() {
            page.press_quickly(".");
        }
    }
    page.press("4");
    let shown = page.text("document.getElementById('panel').textContent");
    session.move_to(session.model().first_violation());
    for row in panels::rows(&mut session, Panel::Why, paper) {
        assert!(squeezed(&shown).contains(&squeezed(&row.line.text())), "{shown}");
    }
    page.was_quiet();
}

/// The tree of each node: what it was, what it is, and opening and closing.
#[test]
fn the_states_are_shown_with_what_changed() {
    let mut page = page!("states");
    let trace = demo(&page);
    let file = written(&page, &trace);
    page.open(&file, "#step=9");
    let head = page.text("document.querySelector('#panel h3').textContent");
    assert_eq!(squeezed(&head), "acceptor2: Acceptor changed at 9");
    let row = |page: &mut Page, path: &str| {
        squeezed(&page.text(&format!("document.querySelector('#panel ul li[data-path={path:?}]').innerText")))
    };
    assert!(
        row(&mut page, "accepted").starts_with("~ ▸ accepted None → Some("),
        "{}",
        row(&mut page, "accepted")
    );
    assert_eq!(row(&mut page, "prepared"), "prepared Some(2) since 8");
    page.click("#panel li[data-path='accepted'] .fold");
    assert_eq!(
        page.ask("document.querySelectorAll('#panel ul:first-of-type li[data-path^=\"accepted.\"]').length"),
        2
    );
    page.press("H");
    let unchanged = page
        .ask("[...document.querySelectorAll('#panel .sign')].filter((s) => s.textContent === ' ').length");
    assert_eq!(unchanged, 0);
    page.press("H");
    // A field that is selected has a history.
    page.click("#panel li[data-path='prepared'] .name");
    page.press("[");
    assert_eq!(step(&mut page), 8);
    assert!(
        row(&mut page, "prepared").starts_with("~ prepared None → Some(2)"),
        "{}",
        row(&mut page, "prepared")
    );
    page.press("]");
    assert_eq!(step(&mut page), 8, "it does not change again");
    page.press(">");
    assert_ne!(page.text("document.querySelector('#panel h3').textContent"), head);
    page.was_quiet();
}

/// The filter of the page lists the steps that the viewer's lists, and moving goes from one of them to the next.
#[test]
fn steps_are_filtered_as_in_the_viewer() {
    let mut page = page!("filter");
    let trace = demo(&page);
    let file = written(&page, &trace);
    page.open(&file, "#step=0");
    let model = Model::new(trace);
    let listed = "[...document.querySelectorAll('#listed a')].map((a) => Number(a.dataset.step))";
    for query in [
        "type:Accept",
        "type:Accept node:a3",
        "to:acceptor2 from:p1",
        "field:decision",
        "decision",
        "propose fires",
        "Propose",
        "accept",
        "initial",
        "/Accept .*\"B\"/",
        "node:proposer2",
    ] {
        let expected = Query::parse(query).unwrap().steps(&model);
        assert!(!expected.is_empty(), "{query}");
        page.enter("f", query);
        assert_eq!(page.ask(listed), json!(expected), "{query}");
        let texts = page.ask("[...document.querySelectorAll('#listed a')].map((a) => a.textContent)");
        for (text, step) in texts.as_array().unwrap().iter().zip(&expected) {
            let text = squeezed(text.as_str().unwrap());
            assert!(text.ends_with(&squeezed(&model.headline(*step, 2_000))), "{text}");
        }
    }
    let seen = "['scroll', 'listed'].map((id) => document.getElementById(id).getClientRects().length > 0)";
    assert_eq!(page.ask(seen), json!([false, true]));
    page.enter("f", "type:Accept");
    page.press("g . .");
    assert_eq!(step(&mut page), 9);
    page.press("j j j k");
    assert_eq!(step(&mut page), 15);
    page.click("#listed a[data-step='6']");
    assert_eq!(step(&mut page), 6);
    let said = |page: &mut Page| page.text("document.getElementById('message').textContent");
    for (query, error) in
        [("nothing fits", "no step fits nothing fits"), ("color:red", "`color:` is not known")]
    {
        page.enter("f", query);
        assert!(said(&mut page).starts_with(error), "{}", said(&mut page));
        assert_eq!(page.ask(listed), json!([6, 9, 15, 17]), "the filter stays");
    }
    page.enter("f", "/(/");
    assert!(said(&mut page).contains("regular expression"), "{}", said(&mut page));
    page.press("F");
    assert_eq!(page.ask(seen), json!([true, false]));
    page.was_quiet();
}

/// What differs between any two steps is what the viewer says.
#[test]
fn any_two_steps_are_compared() {
    let mut page = page!("compare");
    let trace = demo(&page);
    let file = written(&page, &trace);
    page.open(&file, "#step=0");
    let model = Model::new(trace);
    let mut folds = Folds::all_open();
    folds.hide_unchanged = true;
    let last = model.len();
    for base in [0, 5, 9, last] {
        page.enter("=", &base.to_string());
        for here in 0..=last {
            page.press_quickly(
                &here
                    .to_string()
                    .chars()
                    .map(|c| format!("{c} "))
                    .chain(["g".to_owned()])
                    .collect::<String>(),
            );
            // Everything is opened: what is closed shows its parts in one line.
            page.ask("for (let b; (b = document.querySelector('#panel .fold[data-open=\"\"]'));) b.click()");
            let shown = page.ask(
                "[...document.querySelectorAll('#panel ul.tree')].map((ul) => [ul.dataset.lane, \
                 ...[...ul.querySelectorAll('li[data-path]')].map((li) => [li.querySelector('.sign').textContent, \
                 li.querySelector('.name').textContent, li.querySelector('del')?.textContent ?? '', \
                 li.querySelector('ins')?.textContent ?? ''])])",
            );
            for tree in shown.as_array().unwrap() {
                let node = model.lanes()[tree[0].as_str().unwrap().parse::<usize>().unwrap()];
                let rows = tree::rows(&model, node, base.min(here), base.max(here), &folds);
                let rows = rows.into_iter().map(|row| {
                    // Where the parts are shown, they say what was before.
                    let both = row.before.is_some();
                    let texts = [row.before, row.after.filter(|_| both)].map(Option::unwrap_or_default);
                    json!([row.sign.character().to_string(), row.label, texts[0], texts[1]])
                });
                let expected: Vec<Value> = rows.collect();
                assert_eq!(
                    tree.as_array().unwrap()[1..],
                    expected,
                    "{base} and {here} at {}",
                    model.address(node)
                );
            }
        }
    }
    page.press("9 g");
    page.ask("new Promise((done) => setTimeout(done, 500))");
    assert_eq!(page.text("location.hash"), "#step=9&compare=18", "the address is a link to what is compared");
    page.open(&file, "#step=9&compare=6");
    let head = squeezed(&page.text("document.querySelector('#panel h3').textContent"));
    assert_eq!(head, "acceptor2: Acceptor from step 6 to step 9");
    page.enter("=", "");
    let head = squeezed(&page.text("document.querySelector('#panel h3').textContent"));
    assert_eq!(head, "acceptor2: Acceptor changed at 9");
    page.was_quiet();
}

/// Expressions that the export was given, and fields that are chosen on the page.
#[test]
fn expressions_and_fields_are_watched() {
    let mut page = page!("watch");
    let trace = demo(&page);
    let texts =
        ["max(acceptor*.prepared)", "count(acceptor*.accepted.value == \"B\") > 1", "pending(Accept)"];
    let watches = texts.map(|text| Watch::parse(text).unwrap());
    let model = Model::new(trace);
    let file = page.folder().join("page.html");
    std::fs::write(&file, export_watching(&model, "demo.json", Format::Html, &watches).unwrap()).unwrap();
    page.open(&file, "#step=0");
    page.press("6");
    page.enter("+", "acceptor3.accepted.number");
    page.enter("+", "a*.prepared");
    let fields =
        ["acceptor3.accepted.number", "acceptor1.prepared", "acceptor2.prepared", "acceptor3.prepared"];
    for here in 0..=model.len() {
        let shown = page.ask(
            "[...document.querySelectorAll('.watched li')].map((li) => [...li.children].slice(1).map((e) => e.textContent))",
        );
        let mut expected: Vec<Value> = Vec::new();
        let when =
            |since: usize| if since == 0 { "since the start".to_owned() } else { format!("since {since}") };
        for watch in &watches {
            let value = watch.at(&model, here).to_string();
            expected.push(json!([watch.text(), value, when(watch.since(&model, here))]));
        }
        for name in fields {
            let field = model.field_called(name).unwrap();
            let since = model.last_write(&field, here).unwrap_or_default();
            expected.push(json!([name, model.field_text(&field, here, 300), when(since)]));
        }
        assert_eq!(shown, json!(expected), "at {here}");
        page.press_quickly(".");
    }
    page.press("-");
    page.click(".watched li:first-child button");
    let left = page.ask("[...document.querySelectorAll('.watched .label')].map((e) => e.textContent)");
    assert_eq!(left, json!([texts[1], texts[2], fields[0], fields[1], fields[2]]));
    page.enter("+", "max(a*.prepared)");
    let said = page.text("document.getElementById('message').textContent");
    assert!(
        said.starts_with("there is no field max(a*.prepared); a page watches fields, such as proposer1."),
        "{said}"
    );
    // Without scripts there are all values.
    let html = std::fs::read_to_string(&file).unwrap();
    assert!(
        html.contains("<li>max(acceptor*.prepared): None from step 0, 1 from step 2, 2 from step 8</li>")
    );
    page.was_quiet();
}

fn hostile(value: &mut Value) {
    const TEXTS: [&str; 4] = [
        "</script><script>window.pwned = 1</script>",
        "<img src=x onerror=\"window.pwned = 1\"><svg onload=alert(1)>",
        "\u{202e}<!-- ' \" ]]> & &lt; \u{2028}\u{0}",
        "javascript:window.pwned=1",
    ];
    fn walk(value: &mut Value, key: &str, next: &mut usize) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| walk(item, key, next)),
            Value::Object(fields) => {
                for (key, field) in fields {
                    walk(field, key, next);
                }
            }
            Value::String(text)
                if ["name", "reason", "text", "lab", "command", "field", "type"].contains(&key) =>
            {
                *text = format!("{}{next}", TEXTS[*next % TEXTS.len()]);
                *next += 1;
            }
            _ => {}
        }
    }
    walk(value, "", &mut 0);
    for (i, entry) in value["pool"].as_array_mut().into_iter().flatten().enumerate() {
        if entry[0] == "text" || entry[0] == "record" {
            entry[1] = json!(format!("{}{i}", TEXTS[i % 3]));
        }
    }
}

#[test]
fn nothing_in_a_trace_acts() {
    let mut page = page!("hostile");
    let mut json = serde_json::to_value(demo(&page)).unwrap();
    hostile(&mut json);
    let trace = TraceFile::parse("t".as_ref(), json.to_string().as_bytes()).unwrap();
    let mut huge = trace.clone();
    huge.verdict.reason = "<b>".repeat(400_000);
    for trace in [trace, huge] {
        let file = written(&page, &trace);
        page.open(&file, "#step=0");
        for _ in &trace.steps {
            page.press_quickly(". 2 3 4 5 6");
        }
        assert_eq!(step(&mut page), trace.steps.len());
        page.enter("f", "node:acceptor2");
        page.enter("=", "0");
        page.enter("+", "acceptor*.accepted");
        page.press("2 6 F W ? Escape");
        let counts = "[document.scripts.length, document.images.length, document.querySelectorAll('b, iframe, object, svg svg').length, \
                      typeof window.pwned, document.querySelectorAll('[onerror], [onload], [onclick]').length]";
        assert_eq!(page.ask(counts), json!([2, 0, 0, "undefined", 0]));
        assert!(page.text("document.querySelector('h1').textContent").contains('<'), "it is there as text");
    }
    page.was_quiet();
}

#[test]
fn without_scripts_there_is_a_table_of_everything() {
    let mut page = page!("noscript");
    let trace = demo(&page);
    let file = written(&page, &trace);
    page.call("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    page.open(&file, "");
    let model = Model::new(trace.clone());
    // The page's own script did not run, ours does.
    assert_eq!(page.ask("document.documentElement.className"), "");
    let visible = "['report', 'side', 'bar', 'strip'].map((id) => document.getElementById(id).getClientRects().length > 0)";
    assert_eq!(page.ask(visible), json!([true, false, false, false]));
    let rows = page.ask("[...document.querySelectorAll('#report tbody tr')].map((row) => row.innerText)");
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), trace.steps.len() + 1);
    for (step, row) in rows.iter().enumerate() {
        let row = squeezed(row.as_str().unwrap());
        assert!(row.contains(&squeezed(&model.headline(step, 2_000))), "{row}");
    }
    // The drawing is there too, and its labels lead to the rows.
    assert_eq!(page.ask("document.querySelectorAll('svg .arrow').length").as_u64().unwrap(), 16);
    page.click("#labels a[data-step='5']");
    assert_eq!(page.text("location.hash"), "#t5");
    page.call("Emulation.setScriptExecutionDisabled", json!({ "value": false }));
    page.was_quiet();
}

#[test]
fn it_can_be_printed_and_read_in_the_dark_and_on_a_phone() {
    let mut page = page!("looks");
    let trace = demo(&page);
    let file = written(&page, &trace);
    page.open(&file, "");
    page.call("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    let visible = "['report', 'side', 'bar', 'strip'].map((id) => document.getElementById(id).getClientRects().length > 0)";
    assert_eq!(page.ask(visible), json!([true, false, false, false]));
    // Of every role of text, the contrast with what is behind it: at least 4.5 as WCAG asks.
    let contrasts = "(() => {
        const rgb = (text) => /(\\d+), (\\d+), (\\d+)/.exec(text).slice(1).map(Number);
        const light = (text) => rgb(text).map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
            .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
        const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
        const colour = (name) => { const e = document.createElement('i'); document.body.append(e); e.style.color = 'var(' + name + ')';
            const c = getComputedStyle(e).color; e.remove(); return c; };
        const bad = [];
        for (const front of ['--ink', '--dim', '--bad', '--good', '--added', '--removed', '--changed', '--cause'])
            for (const back of ['--paper', '--raised'].concat(front === '--ink' || front === '--bad' ? ['--alarm'] : [])
                .concat(front === '--ink' || front === '--dim' ? ['--here'] : [])) {
                const c = contrast(colour(front), colour(back));
                if (c < 4.5) bad.push(front + ' on ' + back + ' ' + c);
            }
        return bad;
    })()";
    for scheme in ["light", "dark"] {
        let scheme = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        page.call("Emulation.setEmulatedMedia", json!({ "media": "screen", "features": scheme }));
        assert_eq!(page.ask(contrasts), json!([]), "{scheme}");
    }
    for (width, height) in [(1280, 800), (400, 800), (320, 640), (800, 400), (320, 400)] {
        page.resize(width, height);
        let low = height < 560;
        assert_eq!(
            page.ask("document.documentElement.scrollWidth"),
            width,
            "nothing is wider than the window"
        );
        let high = page.ask("document.documentElement.scrollHeight");
        assert_eq!(
            high == height,
            !low,
            "{width}x{height}: where there is room, only the panels scroll; it is {high} high"
        );
        assert_eq!(page.ask("document.getElementById('panel').clientHeight > 60"), true, "{width}x{height}");
    }
    page.was_quiet();
}

/// However narrow or low the page is: the step is in sight among the truths of every predicate, and the nodes have names.
#[test]
fn the_step_and_the_names_of_nodes_stay_in_sight() {
    let Some(mut page) = Page::start("in-sight", 420, 500) else { return };
    let trace = demo(&page);
    let file = written(&page, &trace);
    page.open(&file, "");
    let inside = "(() => { const out = []; for (const cells of document.querySelectorAll('.cells')) { \
                  const box = cells.getBoundingClientRect(), here = cells.querySelector('.here').getBoundingClientRect(); \
                  out.push(here.left >= box.left - 1 && here.right <= box.right + 1); } return out; })()";
    let names = "[...document.querySelectorAll('#names span')].map((name) => name.textContent)";
    let top = "Math.round(document.getElementById('names').getBoundingClientRect().top - \
               document.getElementById('trace').getBoundingClientRect().top)";
    for keys in ["v", "g", "9 g", "G"] {
        page.press(keys);
        assert_eq!(page.ask(inside), json!([true, true, true]), "{keys}");
        assert_eq!(page.ask(names), json!(["p1", "p2", "a1", "a2", "a3"]));
        assert_eq!(page.ask(top), 0, "{keys}");
        // The row of the step is below the names and not behind them.
        let below = "document.querySelector('#labels a.selected').getBoundingClientRect().top >= \
                     document.getElementById('names').getBoundingClientRect().bottom - 1";
        assert_eq!(page.ask(below), true, "{keys}");
    }
    page.was_quiet();
}
