//! Files that somebody broke, on purpose or not: they are refused with a sentence, or everything in them can be shown.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::export::{Format, export};
use crate::panels::{self, Paper};
use crate::session::Session;
use crate::session::action::Panel;
use crate::{Model, TraceFile, plain, sample, screenshot};

/// Shows everything that a viewer could show.
fn show_all(trace: TraceFile) {
    let mut session = Session::new(Model::new(trace.clone()), None);
    let mut out = Vec::new();
    plain::report(&mut session, &mut out).unwrap();
    plain::run(
        &mut session,
        "first; state; pending; why; past; future; chain; walk; notes; watch s1.text",
        &mut out,
    )
    .unwrap();
    plain::run(&mut session, "last; other-end; find type:Write; next-change; compare 0; state", &mut out)
        .unwrap();
    for panel in Panel::ALL {
        let _rows = panels::rows(&mut session, panel, Paper { width: 60, ascii: false });
    }
    let _screen = screenshot(session, 100, 34, &["4", "j", "Enter", "2", "j", "E", "Z"]);
    let _text = crate::text::lines(&trace, &crate::text::Layout::default());
}

/// Writes it in every format.
fn export_all(trace: TraceFile) {
    let model = Model::new(trace);
    for (_, format, _) in Format::ALL {
        let _refused_or_written = export(&model, "t", format);
    }
}

/// The places in a JSON value, as pointers.
fn pointers(value: &Value, here: &str, all: &mut Vec<String>) {
    all.push(here.to_owned());
    match value {
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                pointers(item, &format!("{here}/{i}"), all);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                pointers(field, &format!("{here}/{}", name.replace('~', "~0").replace('/', "~1")), all);
            }
        }
        _ => {}
    }
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0_u64..8).prop_map(|n| json!(n)),
        Just(json!(u64::MAX)),
        Just(json!(-1)),
        Just(json!(null)),
        Just(json!(true)),
        Just(json!("server1")),
        Just(json!("nobody")),
        Just(json!("\u{1b}[2J\u{202e}漢\u{301}")),
        Just(json!("a[b.c\"]")),
        Just(json!([])),
        Just(json!([0, 0, 1])),
        Just(json!({})),
        Just(json!({"kind": "crash", "node": "server1"})),
        Just(json!({"kind": "restart", "node": "client1"})),
        Just(
            json!({"kind": "crash", "node": "server1", "during": {"event": {"kind": "deliver", "message": 0}, "persist": 1}})
        ),
        Just(json!(["list", [0, 1]])),
        Just(json!(["some", 0])),
        Just(json!(["map", [[0, 0]]])),
    ]
}

/// What is done to a file.
#[derive(Clone, Debug)]
enum Edit {
    Replace(usize, Value),
    Remove(usize),
    Copy(usize, usize),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let edit = prop_oneof![
        (any::<usize>(), values()).prop_map(|(place, value)| Edit::Replace(place, value)),
        any::<usize>().prop_map(Edit::Remove),
        (any::<usize>(), any::<usize>()).prop_map(|(from, to)| Edit::Copy(from, to)),
    ];
    proptest::collection::vec(edit, 1..4)
}

fn edited(mut json: Value, edits: Vec<Edit>) -> Value {
    for edit in edits {
        let mut all = Vec::new();
        pointers(&json, "", &mut all);
        let at = |place: usize| all[place % all.len()].clone();
        match edit {
            Edit::Replace(place, value) => {
                if let Some(here) = json.pointer_mut(&at(place)) {
                    *here = value;
                }
            }
            Edit::Copy(from, to) => {
                let copy = json.pointer(&at(from)).cloned().unwrap_or_default();
                if let Some(here) = json.pointer_mut(&at(to)) {
                    *here = copy;
                }
            }
            Edit::Remove(place) => {
                let pointer = at(place);
                let Some((outer, name)) = pointer.rsplit_once('/') else { continue };
                match json.pointer_mut(outer) {
                    Some(Value::Array(items)) => drop(name.parse().ok().map(|i: usize| items.remove(i))),
                    Some(Value::Object(fields)) => drop(fields.remove(name)),
                    _ => {}
                }
            }
        }
    }
    json
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    /// Whole parts replaced, removed and copied elsewhere.
    #[test]
    fn edited_files_are_refused_or_shown(which in 0_usize..4, edits in edits()) {
        let samples = [sample::violated(), sample::staged(), sample::panicked(), sample::crashed()];
        let file = samples[which].clone();
        let json = edited(serde_json::to_value(&file).unwrap(), edits);
        if let Ok(trace) = TraceFile::parse(Path::new("t.json"), json.to_string().as_bytes()) {
            show_all(trace);
        }
    }

    /// Bytes overwritten and cut off.
    #[test]
    fn damaged_files_are_refused_or_shown(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        end in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = serde_json::to_vec(&sample::crashed()).unwrap();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        if let Ok(trace) = TraceFile::parse(Path::new("t.json"), &bytes) {
            show_all(trace);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// The same for exports, which take longer.
    #[test]
    fn edited_files_are_refused_or_exported(which in 0_usize..4, edits in edits()) {
        let samples = [sample::violated(), sample::staged(), sample::panicked(), sample::crashed()];
        let json = edited(serde_json::to_value(&samples[which]).unwrap(), edits);
        if let Ok(trace) = TraceFile::parse(Path::new("t.json"), json.to_string().as_bytes()) {
            export_all(trace);
        }
    }
}

#[test]
fn the_first_version_is_still_read() {
    let json = include_bytes!("trace_file/v1.json");
    let trace = TraceFile::parse(Path::new("v1.json"), json).unwrap();
    assert_eq!((trace.version, trace.steps.len(), trace.predicates.len()), (1, 5, 0));
    assert!(trace.start.nodes.iter().all(|node| node.up));
    show_all(trace.clone());
    export_all(trace);
}
