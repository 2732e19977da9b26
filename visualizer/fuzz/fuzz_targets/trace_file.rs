//! Whatever the bytes are: they are refused with a sentence, or the trace can be shown.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use visualizer::session::Session;
use visualizer::{Model, TraceFile, plain, screenshot};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(trace) = TraceFile::parse(Path::new("fuzzed"), bytes) {
        let mut session = Session::new(Model::new(trace), None);
        let mut out = Vec::new();
        plain::report(&mut session, &mut out).expect("a vector can be written to");
        plain::run(&mut session, "state; pending; why; past; chain; notes", &mut out).expect("as above");
        let _screen = screenshot(session, 120, 40, &["4", "Enter", "2", "E", "Z"]);
    }
});
