//! An event log of a service desk's form, made from a seed: cases of some rows each, among each other as time goes; not all begin
//! in New, and some rows change nothing.

use std::path::Path;

use jiff::{Span, civil};

use crate::Chance;

const HEADER: &str = "number,incident_state,caller_id,sys_updated_at,category,subcategory";
const CALLERS: u64 = 200;

/// Where a case may go; from the last nowhere.
const MOVES: [(&str, &[&str]); 8] = [
    ("New", &["Active", "Active", "Active", "Awaiting User Info", "Resolved"]),
    ("Active", &["Awaiting User Info", "Awaiting Problem", "Awaiting Vendor", "Awaiting Evidence", "Resolved", "Resolved"]),
    ("Awaiting User Info", &["Active", "Active", "Resolved"]),
    ("Awaiting Problem", &["Active", "Resolved"]),
    ("Awaiting Vendor", &["Active", "Resolved"]),
    ("Awaiting Evidence", &["Active", "Resolved"]),
    ("Resolved", &["Closed", "Closed", "Closed", "Active"]),
    ("Closed", &[]),
];

/// Writes a log that takes at least so many calls to import: one a case, one a change.
pub(super) fn write(path: &Path, seed: u64, calls: usize) {
    std::fs::write(path, text(seed, calls)).expect("the folder of the run is writable");
}

fn text(seed: u64, calls: usize) -> String {
    let mut chance = Chance::new(seed);
    let mut rows: Vec<(i64, String)> = Vec::new();
    let (mut case, mut made) = (0, 0);
    while made < calls {
        case += 1;
        made += write_case(&mut rows, case, &mut chance);
    }
    // Stable: rows of one case and minute stay in their order.
    rows.sort_by_key(|(minute, _)| *minute);
    let rows = rows.into_iter().map(|(_, row)| row);
    std::iter::once(HEADER.to_owned()).chain(rows).map(|line| line + "\n").collect()
}

/// Adds the rows of a case; answers with how many calls they take.
fn write_case(rows: &mut Vec<(i64, String)>, case: i64, chance: &mut Chance) -> usize {
    let caller = chance.below(CALLERS) + 1;
    let mut minute = case * 10 + minutes(chance, 30);
    let mut state = if chance.happens(70) { "New" } else { chance.pick(&["Active", "Active", "Active", "Resolved"]) };
    let mut calls = 0;
    loop {
        calls += 1;
        // Some states are written down more than once.
        let times = if chance.happens(45) { 2 } else { 1 };
        for _ in 0..times {
            let at = written(minute);
            rows.push((minute, format!("INC{case:07},{state},Caller {caller},{at},Category {},?", case % 50)));
            minute += minutes(chance, 40);
        }
        let next = MOVES.iter().find(|(from, _)| *from == state).map_or(&[][..], |(_, next)| next);
        if next.is_empty() {
            return calls;
        }
        state = chance.pick(next);
    }
}

fn minutes(chance: &mut Chance, most: u64) -> i64 {
    i64::try_from(chance.below(most) + 1).expect("a few")
}

fn written(minute: i64) -> String {
    let moment = civil::date(2016, 3, 1).at(0, 0, 0, 0).checked_add(Span::new().minutes(minute));
    moment.expect("within the calendar").strftime("%d-%m-%Y %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_log_is_what_its_seed_says_and_of_the_form_of_a_desk() {
        let log = text(7, 500);
        assert_eq!(log, text(7, 500));
        assert_ne!(log, text(8, 500));
        let mut state: HashMap<&str, &str> = HashMap::new();
        let (mut calls, mut updates, mut begun_later) = (0, 0, 0);
        for row in log.lines().skip(1) {
            let fields: Vec<&str> = row.split(',').collect();
            match state.insert(fields[0], fields[1]) {
                Some(before) if before == fields[1] => updates += 1,
                before => {
                    calls += 1;
                    assert_ne!(before, Some("Closed"), "{row}");
                    begun_later += usize::from(before.is_none() && fields[1] != "New");
                }
            }
        }
        assert!((500..600).contains(&calls), "{calls}");
        assert!(updates > 100 && begun_later > 10, "{updates} {begun_later}");
        assert!(state.values().all(|last| *last == "Closed"));
    }
}
