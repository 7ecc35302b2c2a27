//! What the processes of a system say, kept until the last of them has ended, and then searched for what nobody may read there.

use std::io::{PipeReader, PipeWriter, Read as _, Write as _};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use crate::canaries::{Canaries, Kind};

/// More would only bury the first.
const MOST_FINDINGS: usize = 20;

/// What was said, and by whom.
struct Said {
    by: String,
    text: Arc<Mutex<Vec<u8>>>,
    /// Whether it is a fact on its way or at rest, which may tell what is written in a case.
    is_fact: bool,
}

/// The ear of a system. Its end, which is that of the last process that has it, is the search; what is found fails the test.
#[derive(Default)]
pub struct Watch {
    is_off: bool,
    canaries: Mutex<Canaries>,
    said: Mutex<Vec<Said>>,
    listeners: Mutex<Vec<JoinHandle<()>>>,
}

impl Watch {
    /// Hears and seeks nothing: for measurements.
    pub(crate) fn off() -> Self {
        let mut watch = Self::default();
        watch.is_off = true;
        watch
    }

    pub(crate) const fn is_off(&self) -> bool {
        self.is_off
    }

    /// From now on this value must not be found. Answers whether it can be sought at all: a short one and a mere word cannot.
    pub fn canary(&self, kind: Kind, value: &str) -> bool {
        lock(&self.canaries).add(kind, value)
    }

    /// Where a process is to say everything; it is passed on to our own standard error.
    pub(crate) fn ear(&self, by: &str) -> PipeWriter {
        let (reader, writer) = std::io::pipe().expect("there are pipes");
        let text = self.remember(by, false);
        let listener = std::thread::spawn(move || listen(reader, &text));
        lock(&self.listeners).push(listener);
        writer
    }

    /// Remembers something else that is said for all to hear.
    pub fn hear(&self, by: &str, text: &[u8]) {
        lock(&self.remember(by, false)).extend_from_slice(text);
    }

    /// Remembers what facts tell: what is written in a case may be among it, and nothing of people.
    pub fn hear_facts(&self, by: &str, text: &[u8]) {
        lock(&self.remember(by, true)).extend_from_slice(text);
    }

    /// Everything that one has said so far.
    pub fn said_by(&self, by: &str) -> String {
        let said = lock(&self.said);
        let texts = said.iter().filter(|said| said.by == by).map(|said| lock(&said.text).clone());
        String::from_utf8_lossy(&texts.collect::<Vec<_>>().concat()).into_owned()
    }

    fn remember(&self, by: &str, is_fact: bool) -> Arc<Mutex<Vec<u8>>> {
        let text = Arc::default();
        lock(&self.said).push(Said { by: by.to_owned(), text: Arc::clone(&text), is_fact });
        text
    }

    fn findings(&self) -> Vec<String> {
        let search = lock(&self.canaries).search();
        let of = |said: &Said| {
            let wanted = if said.is_fact { |kind: Kind| !kind.may_travel() } else { |_: Kind| true };
            let findings = search.findings(&lock(&said.text), wanted);
            findings.into_iter().map(|finding| format!("{}, {finding}", said.by)).collect::<Vec<_>>()
        };
        lock(&self.said).iter().flat_map(of).collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for listener in lock(&self.listeners).drain(..) {
            let _ = listener.join();
        }
        // A test that fails already has its reason.
        if self.is_off || std::thread::panicking() {
            return;
        }
        let findings = self.findings();
        let first = findings.iter().take(MOST_FINDINGS).map(String::as_str).collect::<Vec<_>>().join("\n");
        assert!(findings.is_empty(), "lines with what nobody may read there: {}\n{first}", findings.len());
    }
}

/// A listener that panicked has heard what it has heard.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Until nobody is left who could say anything.
fn listen(mut pipe: PipeReader, text: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 8192];
    while let Ok(length @ 1..) = pipe.read(&mut buffer) {
        lock(text).extend_from_slice(&buffer[..length]);
        let _ = std::io::stderr().write_all(&buffer[..length]);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::process::{Command, Stdio};

    use super::*;

    const ADDRESS: &str = "solomiya@lantern.example";

    /// A system of one process, which says something in each of both ways.
    fn watch(said: &str, complained: &str) -> Watch {
        let watch = Watch::default();
        let ear = watch.ear("lamp");
        let mut process = Command::new("/bin/sh");
        process.args(["-c", "printf '%s\\n' \"$1\"; printf '%s\\n' \"$2\" >&2", "sh", said, complained]).stdin(Stdio::null());
        process.stdout(ear.try_clone().expect("it is open")).stderr(ear);
        assert!(process.status().expect("/bin/sh can be run").success());
        assert!(watch.canary(Kind::Address, ADDRESS));
        watch
    }

    /// How the end of a watch fails a test; not at all, if it is silent.
    fn verdict(watch: Watch) -> Option<String> {
        let failed = catch_unwind(AssertUnwindSafe(|| drop(watch))).err()?;
        Some(failed.downcast_ref::<String>().expect("it says why").clone())
    }

    /// Rule F10.b: what any process of a test says is searched when the test is over, and what is found fails it.
    #[test]
    fn whatever_a_process_says_is_searched_at_the_end() {
        assert_eq!(verdict(watch("all is well", "still")), None);
        let said = verdict(watch("dim\nto=solomiya%40lantern.example", "still")).expect("it is found");
        assert_eq!(said, "lines with what nobody may read there: 1\nlamp, line 2: [address]…");
        let complained = verdict(watch("all is well", &format!("no light for {ADDRESS}"))).expect("it is found");
        assert!(complained.contains("lamp, line") && !complained.contains(ADDRESS), "{complained}");
        let heard = watch("all is well", "still");
        heard.hear("lamp /metrics", format!("lit_total{{by=\"{ADDRESS}\"}} 1\n").as_bytes());
        assert!(verdict(heard).is_some_and(|said| said.contains("lamp /metrics, line 1")));
    }

    /// Rule F10.b: facts may tell what is written in a case, and nothing of people.
    #[test]
    fn facts_tell_of_cases_and_not_of_people() {
        let (facts, output) = (Watch::default(), Watch::default());
        for watch in [&facts, &output] {
            assert!(watch.canary(Kind::Text, "Lantern 13 is out"));
        }
        facts.hear_facts("outbox", b"\x0a\x11Lantern 13 is out\x12\x24");
        assert_eq!(verdict(facts), None);
        output.hear("lamp", b"Lantern 13 is out");
        assert!(verdict(output).is_some());
        let person = watch("all is well", "still");
        person.hear_facts("outbox", format!("\x0a\x18{ADDRESS}\x12\x24").as_bytes());
        assert!(verdict(person).is_some());
    }

    /// A test that has failed is not failed again, which would end its whole process.
    #[test]
    fn a_failing_test_keeps_its_own_reason() {
        let failed = catch_unwind(|| {
            let _watch = watch(ADDRESS, ADDRESS);
            panic!("a reason of its own");
        });
        let reason = failed.expect_err("it failed");
        assert_eq!(reason.downcast_ref::<&str>(), Some(&"a reason of its own"));
    }
}
