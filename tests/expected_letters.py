#!/usr/bin/env python3
"""What letters an announced import of a service desk's event log must bring about, computed from the CSV alone.

Uses none of Cabinet's code and none of its mapping: the first row of an incident creates its case; every later row whose state is
another than the row before it is one letter to the caller; closed incidents stay closed in this log, and every caller has ticked.

    expected_letters.py FILE              writes as JSON the letters, [[address, number, state], ...], sorted, and what was counted
    expected_letters.py FILE LETTERS      compares with LETTERS, the letters of the sink in the same form

Addresses end with @example.com; --domain DOMAIN says otherwise, for one realm of several.
"""
import argparse
import collections
import csv
import json
import sys

# What a letter calls a state, where that is not the state's own name in sentence case.
CALLED = {"Awaiting User Info": "Waiting for you"}


def expected(path, domain):
    state, letters, count = {}, [], collections.Counter()
    with open(path, encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            count["rows"] += 1
            incident, now = row["number"], row["incident_state"]
            before = state.get(incident)
            state[incident] = now
            if before is None:
                count["cases"] += 1
            elif before == now:
                count["updates"] += 1
            else:
                count["changes"] += 1
                address = row["caller_id"].lower().replace(" ", "-") + "@" + domain
                letters.append([address, incident, CALLED.get(now, now.capitalize())])
    return sorted(letters), dict(count)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("file")
    arguments.add_argument("letters", nargs="?")
    arguments.add_argument("--domain", default="example.com")
    given = arguments.parse_args()
    letters, count = expected(given.file, given.domain)
    if given.letters is None:
        json.dump({"letters": letters, "count": count}, sys.stdout)
        sys.exit()
    with open(given.letters, encoding="utf-8") as file:
        found = collections.Counter(tuple(letter) for letter in json.load(file))
    wanted = collections.Counter(tuple(letter) for letter in letters)
    print(f"the file: {count}; letters expected {wanted.total()}, found {found.total()}")
    print(f"missing {(wanted - found).total()}, unexpected {(found - wanted).total()}")
    sys.exit(wanted != found)
