//! The files of results: `results.jsonl`, a line as soon as a test ends, and what is made from it.

mod csv;
mod gradescope;
mod junit;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::record::{Header, TestRecord};

/// The results of one part in one folder. Several processes may add to them at the same time (`cargo nextest` starts one
/// for each test).
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    header: Header,
}

impl Store {
    /// Begins, or goes on: what is there stays if it is of the same run, or of the same executable and `resume` is set.
    pub(crate) fn open(folder: &Path, mut header: Header, resume: bool) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut file = Self::locked(folder)?;
        let (there, _) = read(&mut file)?;
        match there {
            Some(there) if there.run == header.run => {}
            Some(there) if resume && is_same_suite(&there, &header) => header.run = there.run,
            _ => {
                file.set_len(0)?;
                file.seek(SeekFrom::Start(0))?;
                write_line(&mut file, &header)?;
            }
        }
        Ok(Self { folder: folder.to_owned(), header })
    }

    fn locked(folder: &Path) -> io::Result<File> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(folder.join("results.jsonl"))?;
        file.lock()?;
        Ok(file)
    }

    /// Version and hashes of the handout, if this is one.
    pub(crate) fn handout(&self) -> Option<&serde_json::Value> {
        self.header.handout.as_ref()
    }

    /// What is written down so far.
    pub(crate) fn records(&self) -> Vec<TestRecord> {
        let records = Self::locked(&self.folder).and_then(|mut file| read(&mut file));
        records.map(|(_, records)| records).unwrap_or_default()
    }

    /// Adds a record, and makes the other files again: whoever is killed has lost nothing.
    pub(crate) fn append(&self, record: &TestRecord) -> io::Result<()> {
        let mut file = Self::locked(&self.folder)?;
        let (_, mut records) = read(&mut file)?;
        write_line(&mut file, record)?;
        records.push(record.clone());
        records.sort_by_key(|record| record.number);
        for (name, text) in [
            ("results.json", gradescope::text(&self.header, &records)?),
            ("results.csv", csv::text(&self.header, &records)),
            ("junit.xml", junit::text(&self.header, &records)),
        ] {
            let temporary = self.folder.join(format!(".{name}"));
            fs::write(&temporary, text)?;
            fs::rename(&temporary, self.folder.join(name))?;
        }
        Ok(())
    }
}

fn is_same_suite(a: &Header, b: &Header) -> bool {
    (a.schema, &a.part, &a.executable) == (b.schema, &b.part, &b.executable)
}

/// Header and records of the file; the place is then after the last whole line. A line that a killed process left
/// unfinished is cut off.
fn read(file: &mut File) -> io::Result<(Option<Header>, Vec<TestRecord>)> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    if whole < bytes.len() {
        file.set_len(whole as u64)?;
        file.seek(SeekFrom::End(0))?;
    }
    let mut lines = bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let header = lines.next().and_then(|line| serde_json::from_slice(line).ok());
    Ok((header, lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()))
}

fn write_line(file: &mut File, what: &impl serde::Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    file.write_all(&line)?;
    file.sync_data()
}

#[cfg(test)]
pub(crate) mod sample {
    //! Records to make files of.

    use crate::part::Kind;
    use crate::record::{Header, Judgement, StageRecord, TestRecord, VERSION};

    pub(crate) fn header() -> Header {
        Header {
            record: "run".to_owned(),
            schema: VERSION,
            run: "r1".to_owned(),
            part: "part2".to_owned(),
            lab: "raft".to_owned(),
            title: "Part 2: election".to_owned(),
            points: 40,
            tests: 3,
            hint: None,
            executable: "e1".to_owned(),
            handout: Some(serde_json::json!({"version": "1.2", "hash": "abc"})),
        }
    }

    pub(crate) fn passed() -> TestRecord {
        TestRecord {
            record: "test".to_owned(),
            test: "t01_run_one_leader".to_owned(),
            number: 1,
            kind: Kind::Run,
            claim: "A leader is elected".to_owned(),
            section: None,
            points: 10,
            earned: 10,
            verdict: Judgement::Pass,
            cause: None,
            detector: None,
            message: None,
            stage: None,
            stages: Vec::new(),
            seed: 7,
            states: 0,
            seconds: 0.25,
            trace: None,
            steps: None,
            cluster: None,
            replayed: false,
            block: Vec::new(),
        }
    }

    /// With everything in it that a file format could choke on.
    pub(crate) fn failed() -> TestRecord {
        let message = "violated: one vote a term: server1 got <\"a\", 'b'> & \u{1b}[2J\u{0}]]> é";
        TestRecord {
            test: "t02_search_votes".to_owned(),
            number: 2,
            kind: Kind::Search,
            claim: "Nobody votes twice in a term".to_owned(),
            points: 20,
            earned: 5,
            verdict: Judgement::Fail,
            cause: Some("violated".to_owned()),
            detector: Some("one vote a term".to_owned()),
            message: Some(message.to_owned()),
            stage: Some("a leader".to_owned()),
            stages: vec![StageRecord {
                name: "a leader".to_owned(),
                verdict: Judgement::Fail,
                ended: "violated".to_owned(),
                goal: false,
                states: 1200,
                depth: 5,
                seconds: 1.5,
            }],
            states: 1200,
            seconds: 1.75,
            trace: Some("target/traces/part2-t02_search_votes.json".to_owned()),
            steps: Some(5),
            cluster: Some("t02_search_votes/x".to_owned()),
            block: vec![message.to_owned(), "second, line".to_owned()],
            ..passed()
        }
    }

    pub(crate) fn inconclusive() -> TestRecord {
        TestRecord {
            test: "t03_search_exhaust".to_owned(),
            number: 3,
            points: 10,
            earned: 0,
            verdict: Judgement::Inconclusive,
            cause: Some("budget-states".to_owned()),
            message: Some("not decided".to_owned()),
            block: vec!["not decided".to_owned()],
            ..passed()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(store: &Store) -> Vec<String> {
        store.records().into_iter().map(|record| record.test).collect()
    }

    fn header(run: &str) -> Header {
        Header { run: run.to_owned(), ..sample::header() }
    }

    #[test]
    fn a_run_begins_afresh_unless_it_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path();
        let store = Store::open(folder, header("a"), false).unwrap();
        store.append(&sample::passed()).unwrap();
        assert_eq!(names(&Store::open(folder, header("a"), false).unwrap()), ["t01_run_one_leader"]);
        assert_eq!(names(&Store::open(folder, header("b"), true).unwrap()), ["t01_run_one_leader"]);
        let other = Header { executable: "e2".to_owned(), ..header("b") };
        assert!(names(&Store::open(folder, other, true).unwrap()).is_empty());
        store.append(&sample::passed()).unwrap();
        assert!(names(&Store::open(folder, header("c"), false).unwrap()).is_empty());
    }

    #[test]
    fn what_was_written_before_a_kill_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path();
        let store = Store::open(folder, header("a"), false).unwrap();
        store.append(&sample::passed()).unwrap();
        let path = folder.join("results.jsonl");
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend(b"{\"record\":\"test\",\"test\":\"t02_sea");
        fs::write(&path, bytes).unwrap();
        let store = Store::open(folder, header("b"), true).unwrap();
        store.append(&sample::failed()).unwrap();
        assert_eq!(store.records(), [sample::passed(), sample::failed()]);
        for line in fs::read_to_string(&path).unwrap().lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
    }

    #[test]
    fn several_processes_add_to_one_file() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path();
        std::thread::scope(|scope| {
            for number in 0..8 {
                let folder = &folder;
                scope.spawn(move || {
                    let store = Store::open(folder, header("a"), false).unwrap();
                    store.append(&TestRecord { number, ..sample::passed() }).unwrap();
                });
            }
        });
        let mut numbers: Vec<u32> =
            Store::open(folder, header("a"), false).unwrap().records().iter().map(|r| r.number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn the_record_is_stable() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&sample::failed()).unwrap());
        insta::assert_snapshot!(serde_json::to_string_pretty(&sample::header()).unwrap());
    }
}
