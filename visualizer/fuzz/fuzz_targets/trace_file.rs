//! Whatever the bytes are: they are refused with a sentence, or the trace can be shown and exported.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use visualizer::export::{Format, export};
use visualizer::session::Session;
use visualizer::{Model, TraceFile, plain, screenshot};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(trace) = TraceFile::parse(Path::new("fuzzed"), bytes) {
        let model = Model::new(trace);
        for (_, format, _) in Format::ALL {
            let _refused_or_written = export(&model, "fuzzed", format);
        }
        let mut session = Session::new(model, None);
        let mut out = Vec::new();
        plain::report(&mut session, &mut out).expect("a vector can be written to");
        plain::run(&mut session, "state; pending; why; past; chain; notes", &mut out).expect("as above");
        let _screen = screenshot(session, 120, 40, &["4", "Enter", "2", "E", "Z"]);
    }
});
