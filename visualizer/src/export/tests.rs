//! Every format is read back by a parser that is not ours, and compared with what the file itself says.

use std::collections::{BTreeMap, BTreeSet};

use framework::Value;
use regex::Regex;

use super::shiviz::PARSER;
use super::{Format, export};
use crate::sample;
use crate::trace_file::{Happening, TraceFile};
use crate::{Model, plain};

pub(super) fn samples() -> [(&'static str, TraceFile); 6] {
    [
        ("demo", sample::demo()),
        ("violated", sample::violated()),
        ("staged", sample::staged()),
        ("panicked", sample::panicked()),
        ("crashed", sample::crashed()),
        ("random", sample::random(7, 200)),
    ]
}

fn exported(file: TraceFile, format: Format) -> String {
    export(&Model::new(file), "demo.json", format).unwrap()
}

#[test]
fn small_formats_of_the_demo() {
    insta::assert_snapshot!("demo_mermaid", exported(sample::demo(), Format::Mermaid));
    insta::assert_snapshot!("demo_shiviz", exported(sample::demo(), Format::ShiViz));
    insta::assert_snapshot!("demo_svg", exported(sample::demo(), Format::Svg));
    insta::assert_snapshot!("violated_itf", exported(sample::violated(), Format::Itf));
    insta::assert_snapshot!("crashed_mermaid", exported(sample::crashed(), Format::Mermaid));
}

#[test]
fn text_is_what_plain_mode_prints() {
    for (name, file) in samples() {
        let mut session = crate::session::Session::new(Model::new(file.clone()), Some("demo.json".into()));
        let mut words = Vec::new();
        plain::report(&mut session, &mut words).unwrap();
        assert_eq!(exported(file, Format::Text).as_bytes(), words, "{name}");
    }
}

#[test]
fn json_is_the_trace() {
    for (name, file) in samples() {
        let json = exported(file.clone(), Format::Json);
        assert_eq!(TraceFile::parse("x".as_ref(), json.as_bytes()).unwrap(), file, "{name}");
        assert!(json.ends_with("}\n") && json.lines().count() > 20, "{name}");
    }
}

/// Which steps happen before which, the slow way, from nothing but the file: entry `[a][b]` says whether `a` does before
/// `b`.
#[expect(clippy::needless_range_loop, reason = "a matrix by its indexes")]
fn before(file: &TraceFile) -> Vec<Vec<bool>> {
    let len = file.steps.len() + 1;
    let mut before = vec![vec![false; len]; len];
    for b in 1..len {
        let step = &file.steps[b - 1];
        for a in 1..b {
            let earlier = &file.steps[a - 1];
            let same_node = file.node_of(&earlier.event) == file.node_of(&step.event);
            let first = |id| {
                let sent_at_start = file.start.network.contains(&id);
                let sends = |s: &crate::trace_file::Step| s.sent.contains(&id);
                !sent_at_start && file.steps.iter().position(sends) == Some(a - 1)
            };
            before[a][b] = same_node || step.event.message().is_some_and(first);
        }
    }
    for k in 1..len {
        for a in 1..len {
            for b in 1..len {
                before[a][b] |= before[a][k] && before[k][b];
            }
        }
    }
    before
}

/// The host and the clock of every event of a ShiViz log, read as ShiViz reads it: the first line is the expression.
pub(super) fn parsed_log(log: &str) -> Vec<(String, BTreeMap<String, usize>)> {
    let mut lines = log.splitn(3, '\n');
    let parser = lines.next().unwrap();
    assert_eq!((parser, lines.next()), (PARSER, Some("")));
    // Rust reads a brace as the beginning of a count.
    let parser = Regex::new(&parser.replace("{.*}", r"\{.*\}")).unwrap();
    let rest = lines.next().unwrap_or_default();
    let events: Vec<_> = parser
        .captures_iter(rest)
        .map(|event| {
            let clock = serde_json::from_str(&event["clock"]);
            let clock: BTreeMap<String, usize> = clock.unwrap_or_else(|error| panic!("{error}: {event:?}"));
            (event["host"].to_owned(), clock)
        })
        .collect();
    assert_eq!(rest.lines().count(), 2 * events.len(), "every line belongs to an event");
    events
}

#[test]
fn clocks_of_shiviz_order_events_as_causes_do() {
    for (name, file) in samples() {
        let events = parsed_log(&exported(file.clone(), Format::ShiViz));
        assert_eq!(events.len(), file.steps.len(), "{name}");
        let before = before(&file);
        let mut own: BTreeMap<&str, usize> = BTreeMap::new();
        for (i, (host, clock)) in events.iter().enumerate() {
            assert_eq!(host, file.node_of(&file.steps[i].event), "{name}: these addresses are words");
            let time = own.entry(host).or_default();
            *time += 1;
            assert_eq!(clock[host], *time, "{name}: ShiViz refuses a log whose own entries have gaps");
        }
        for (a, (_, x)) in events.iter().enumerate() {
            for (b, (_, y)) in events.iter().enumerate() {
                let at_most = x.iter().all(|(host, time)| y.get(host).is_some_and(|other| time <= other));
                assert_eq!(at_most, a == b || before[a + 1][b + 1], "{name}: {a} and {b}");
            }
        }
    }
}

/// A trace as the crate of ITF reads it.
pub(super) fn parsed_itf(text: &str) -> itf::Trace<itf::Value> {
    serde_json::from_str(text).unwrap()
}

/// A value as ITF has it, made of the framework's value and not of the pool.
fn itf_value(value: &Value) -> serde_json::Value {
    use serde_json::json;
    let all = |items: &[Value]| items.iter().map(itf_value).collect::<Vec<_>>();
    match value {
        Value::Unit => json!({"#tup": []}),
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!({"#bigint": value.to_string()}),
        Value::Float(value) => json!({"#unserializable": format!("{value:?}")}),
        Value::Text(text) | Value::Address(text) => json!(text),
        Value::Bytes(bytes) => json!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
        Value::None => json!({"tag": "None", "value": {"#tup": []}}),
        Value::Some(inner) => json!({"tag": "Some", "value": itf_value(inner)}),
        Value::List(items) => json!(all(items)),
        Value::Tuple(items) => json!({"#tup": all(items)}),
        Value::Map(entries) => {
            let entries: Vec<_> = entries.iter().map(|(k, v)| json!([itf_value(k), itf_value(v)])).collect();
            json!({"#map": entries})
        }
        Value::Record { name, fields } => {
            let name_of = |field: &str| {
                if field.starts_with(|c: char| c.is_ascii_digit()) {
                    format!("_{field}")
                } else {
                    field.to_owned()
                }
            };
            let fields: serde_json::Map<_, _> =
                fields.iter().map(|(f, v)| (name_of(f), itf_value(v))).collect();
            json!({"tag": name, "value": fields})
        }
    }
}

#[test]
fn itf_is_read_by_its_own_crate() {
    for (name, file) in samples() {
        let text = exported(file.clone(), Format::Itf);
        let trace = parsed_itf(&text);
        assert_eq!(trace.states.len(), file.steps.len() + 1, "{name}");
        let nodes: Vec<&str> = file.nodes.iter().map(|node| node.address.as_str()).collect();
        let expected: Vec<&str> = nodes.iter().copied().chain(["network", "action", "broken"]).collect();
        assert_eq!(trace.vars, expected, "{name}");
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut now: Vec<_> = file.start.nodes.clone();
        let mut sent: BTreeSet<u32> = file.start.network.iter().copied().collect();
        for (step, state) in trace.states.iter().enumerate() {
            let raw = &json["states"][step];
            if let Some(happened) = step.checked_sub(1).map(|i| &file.steps[i]) {
                let node = file.node(file.node_of(&happened.event)).unwrap();
                if let Some(after) = &happened.after {
                    now[node] = after.clone();
                }
                sent.extend(&happened.sent);
                let tag = match happened.event {
                    Happening::Deliver { .. } => "Deliver",
                    Happening::Timer { .. } => "Timer",
                    Happening::Crash { .. } => "Crash",
                    Happening::Restart { .. } => "Restart",
                };
                assert_eq!(raw["action"]["tag"], tag, "{name} {step}");
            }
            for (address, state) in nodes.iter().zip(&now) {
                let expected = itf_value(&file.pool.value(state.fields).unwrap());
                assert_eq!(raw[address]["fields"], expected, "{name} {step} {address}");
                assert_eq!(raw[address]["timers"].as_array().unwrap().len(), state.timers.len());
                assert_eq!(raw[address]["up"], state.up);
            }
            let itf::Value::Record(state) = &state.value else { panic!("{name} {step}: {state:?}") };
            assert!(matches!(state.get("network"), Some(itf::Value::Set(_))), "{name} {step}");
            let network: BTreeSet<String> =
                raw["network"]["#set"].as_array().unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(network.len(), sent.len(), "{name} {step}: no message is there twice");
        }
        let last = &json["states"][file.steps.len()]["broken"]["#set"];
        let broken = Model::new(file.clone()).broken(file.steps.len()).len();
        assert_eq!(last.as_array().unwrap().len(), broken, "{name}");
    }
}

#[test]
fn arrows_of_the_drawing_go_from_sending_to_arrival() {
    let place = Regex::new(r"^M(\d+) (\d+)L([\d.]+) ([\d.]+)$").unwrap();
    for (name, file) in samples() {
        let svg = exported(file.clone(), Format::Svg);
        let xml = roxmltree::Document::parse(&svg).unwrap();
        let of_class = |class: &'static str| {
            let has = move |n: &roxmltree::Node<'_, '_>| {
                n.attribute("class").is_some_and(|all| all.split(' ').any(|one| one == class))
            };
            xml.descendants().filter(has)
        };
        assert_eq!(of_class("name").count(), file.nodes.len(), "{name}");
        assert_eq!(of_class("step").count(), file.steps.len() + 1, "{name}");
        // Where the row of each step is, as its number stands there.
        let middle: Vec<i64> = of_class("band")
            .map(|band| {
                let value = |name| band.attribute(name).unwrap().parse::<i64>().unwrap();
                value("y") + value("height") / 2
            })
            .collect();
        let deliveries: Vec<usize> =
            (1..=file.steps.len()).filter(|s| file.steps[s - 1].event.message().is_some()).collect();
        let arrows: Vec<_> = of_class("arrow").collect();
        assert_eq!(arrows.len(), deliveries.len(), "{name}");
        for (arrow, step) in arrows.into_iter().zip(deliveries) {
            let found = place.captures(arrow.attribute("d").unwrap()).unwrap();
            let id = file.steps[step - 1].event.message().unwrap();
            let sent = file.steps.iter().position(|s| s.sent.contains(&id)).map_or(0, |i| i + 1);
            assert_eq!(found[2].parse::<i64>().unwrap(), middle[sent], "{name}: {step} begins at {sent}");
            let end: f64 = found[4].parse().unwrap();
            let target = f64::from(i32::try_from(middle[step]).unwrap());
            assert!((end - target).abs() <= 7.0, "{name}: {step} ends beside its sign");
        }
    }
}

/// The grammar of what is used of sequence diagrams, line by line.
pub(super) fn check_mermaid(text: &str) -> BTreeMap<&'static str, usize> {
    let safe = r"(?:[\p{Alphabetic}\p{N} .,_\-+*/=(){}\[\]→…'!?]|#\d+;)+";
    let rules = [
        ("head", "^sequenceDiagram$".to_owned()),
        ("participant", format!(r"^    participant [A-Za-z]\w* as {safe}$")),
        ("arrow", format!(r"^    [A-Za-z]\w*--?>>[A-Za-z]\w*: \d+ {safe}$")),
        ("note", format!(r"^    Note over [A-Za-z]\w*: {safe}(?:: {safe})?$")),
        ("rect", r"^    rect rgba\(213, 94, 0, 0.25\)$".to_owned()),
        ("end", "^    end$".to_owned()),
    ]
    .map(|(name, rule)| (name, Regex::new(&rule).unwrap()));
    let mut counts = BTreeMap::new();
    for line in text.lines() {
        let rule = rules.iter().find(|(_, rule)| rule.is_match(line));
        let (name, _) = rule.unwrap_or_else(|| panic!("`{line}` is no line of a sequence diagram"));
        *counts.entry(*name).or_default() += 1;
        // The word ends a block wherever it stands in a text.
        let text = line.split_once(": ").or_else(|| line.split_once(" as ")).unwrap_or_default().1;
        assert!(!text.to_lowercase().contains("end"), "`{line}` ends a block");
    }
    counts
}

#[test]
fn mermaid_has_an_arrow_for_every_delivery() {
    for (name, file) in samples() {
        let counts = check_mermaid(&exported(file.clone(), Format::Mermaid));
        let deliveries = file.steps.iter().filter(|s| matches!(s.event, Happening::Deliver { .. })).count();
        assert_eq!(counts.get("arrow").copied().unwrap_or_default(), deliveries, "{name}");
        assert_eq!(counts["participant"], file.nodes.len(), "{name}");
        assert_eq!((counts["rect"], counts["end"]), (1, 1), "{name}");
    }
}

/// Checks that a page is what it should be, with a parser of XML: but for its first line it is both. Returns the text of
/// every row of the table.
pub(super) fn check_page(page: &str, steps: usize) -> Vec<String> {
    const ELEMENTS: [&str; 44] = [
        "html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "h3", "p", "span", "code",
        "div", "main", "section", "svg", "g", "rect", "text", "path", "circle", "ol", "li", "a", "ul",
        "button", "kbd", "form", "label", "input", "dialog", "table", "article", "thead", "tbody", "tr",
        "th", "td", "script", "strong", "del", "ins", "em",
    ];
    // Elements without an end, and two that XML would look into.
    let void = Regex::new(r"<(meta|input)( [^>]*)?>").unwrap();
    let raw = Regex::new(r"(?s)<(script|style)( [^>]*)?>(.*?)</(script|style)>").unwrap();
    let data =
        raw.captures_iter(page).find(|block| block.get(2).is_some()).expect("there is data")[3].to_owned();
    let scripts = raw.captures_iter(page).filter(|block| &block[1] == "script").count();
    assert_eq!(scripts, 2, "the data and the script");
    let page = raw.replace_all(page, "<$1/>");
    let page = void.replace_all(&page, "<$1$2/>").replace(" hidden>", " hidden=\"\">");
    let page = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
    let xml = roxmltree::Document::parse(page).unwrap_or_else(|error| panic!("{error}\n{page}"));
    for element in xml.descendants().filter(roxmltree::Node::is_element) {
        assert!(ELEMENTS.contains(&element.tag_name().name()), "{element:?}");
        for attribute in element.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            assert!(!name.starts_with("on") && name != "style" && name != "src", "{name}={value}");
            assert!(name != "href" || value.starts_with('#'), "{value}");
        }
    }
    let data: serde_json::Value = serde_json::from_str(&data).unwrap();
    assert_eq!(data["steps"].as_array().unwrap().len(), steps + 1);
    let of_tag = |name: &'static str| xml.descendants().filter(move |n| n.has_tag_name(name));
    let rows: Vec<String> = of_tag("tr")
        .filter(|row| row.attribute("id").is_some())
        .map(|row| {
            row.descendants().filter_map(|n| n.text().filter(|_| n.is_text())).collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert_eq!(rows.len(), steps + 1);
    rows
}

#[test]
fn the_page_has_every_step_in_a_table() {
    for (name, file) in samples() {
        let page = exported(file.clone(), Format::Html);
        let rows = check_page(&page, file.steps.len());
        let model = Model::new(file.clone());
        for (step, row) in rows.iter().enumerate() {
            assert!(row.starts_with(&model.number(step).to_string()), "{name} {step}: {row}");
            let Some(happened) = model.step(step) else { continue };
            let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            let sentence = squeezed(&crate::model::line::harmless(&model.headline(step, 2_000)));
            assert!(squeezed(row).contains(&sentence), "{name}: `{sentence}` is not in {row}");
            for id in &happened.sent {
                let text = model.full(model.message(*id).value, 2_000);
                assert!(row.contains(&text), "{name}: `{text}` is not in {row}");
            }
            let node = model.acting(step).unwrap();
            for change in crate::model::diff::changes(&model, node, step - 1, step, 100) {
                assert!(row.contains(&change.after), "{name}: `{}` is not in {row}", change.after);
            }
            for (predicate, truth) in file.predicates.iter().zip(&happened.truth) {
                let said = match truth.holds {
                    Some(true) => "true",
                    Some(false) => "false",
                    None => "not known",
                };
                assert!(
                    squeezed(row).contains(&format!("{}: {said}", predicate.name)),
                    "{name} {step}: {row}"
                );
            }
        }
    }
}

#[test]
fn pages_of_a_hundred_steps_are_small() {
    let page = exported(sample::random(7, 100), Format::Html);
    assert!(page.len() < 300_000, "{}", page.len());
}

#[test]
fn tests_of_labs() {
    let mut file = sample::crashed();
    let error = export(&Model::new(file.clone()), "t", Format::RustTest).unwrap_err();
    insta::assert_snapshot!(error, @"it does not say how its system is built again, so there is nothing to test: only traces of `cargo lab search` do. A graded test keeps its failing traces itself, and tries them first the next time");
    file.origin.rust = "register::Register".to_owned();
    file.origin.options.own.insert("texts".to_owned(), "a \"b\"\n".to_owned());
    insta::assert_snapshot!("crashed_rust_test", exported(file.clone(), Format::RustTest));
    file.verdict.kind = "stuck".to_owned();
    let error = export(&Model::new(file), "t", Format::RustTest).unwrap_err();
    insta::assert_snapshot!(error, @"a test is about an invariant that is violated, a goal, or a handler that fails; this trace is of `stuck`");
}

#[test]
fn what_is_too_large_is_refused() {
    // 17 numbers refer to each other twice: 131,071 parts in every one of 10,000 states.
    let mut file = sample::violated();
    let mut id = file.pool.add(&Value::Text("x".repeat(100)));
    for _ in 0..15 {
        let value = file.pool.value(id).unwrap();
        id = file.pool.add(&Value::List(vec![value.clone(), value]));
    }
    file.steps[4].after.as_mut().unwrap().fields = id;
    let last = file.steps[4].clone();
    file.steps.extend(std::iter::repeat_n(last, 200));
    let error = export(&Model::new(file.clone()), "t", Format::Itf).unwrap_err();
    insta::assert_snapshot!(error, @"the export would have more than 268435456 bytes; `text` and `json` are the smallest formats");
    export(&Model::new(file), "t", Format::Json).unwrap();
}
