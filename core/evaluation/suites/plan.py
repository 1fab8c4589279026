"""All that a suite is going to measure, known and checked before anything runs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandemclip.core.console import typed
from tandemclip.core.data.account import lines_of
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import Collected, UserError
from tandemclip.core.evaluation.suites import keys
from tandemclip.core.evaluation.suites.candidates import Candidate
from tandemclip.core.evaluation.suites.data_set import DataSet, read_data_set
from tandemclip.core.evaluation.suites.suite import Suite, protocol_of
from tandemclip.core.training.evaluation import Evaluation

SKIP = "--skip-missing"


@dataclass(frozen=True)
class Entry:
    """A protocol of a data set. set_name: of its file. label: its type, with what the suite says of it besides."""

    set_name: str
    data_set: DataSet
    label: str
    protocol: Evaluation
    key: str

    @property
    def source(self) -> Source:
        """What is asked."""
        return dict(self.protocol.asked())["source"]


@dataclass(frozen=True)
class Task:
    """A protocol of a data set on a checkpoint. key: by what its result is found again."""

    candidate: Candidate
    entry: Entry

    @property
    def key(self) -> str:
        return keys.of_parts(self.candidate.weights, self.entry.key)


@dataclass(frozen=True)
class Plan:
    """candidates, entries: each of one is measured by each of the other. missing: {data set: why it is passed over}."""

    candidates: tuple[Candidate, ...]
    entries: tuple[Entry, ...]
    missing: dict[str, str]

    @property
    def tasks(self) -> list[Task]:
        """All of one checkpoint behind one another."""
        return [Task(candidate, entry) for candidate in self.candidates for entry in self.entries]

    def lines(self) -> list[str]:
        """For people: what was read of the data, and what is passed over."""
        accounts = lines_of(account for entry in self.entries for account in entry.protocol.accounts())
        return [*dict.fromkeys(accounts), *(f"passed over: {name}: {why}" for name, why in self.missing.items())]


def plan(suite: Suite, candidates: Sequence[Candidate], data_root: str, skip_missing: bool) -> Plan:
    """Raises UserError of all at once: options that do not fit, protocols that a checkpoint cannot be measured by, and
    data that are not there, unless skip_missing passes over these sets.
    """
    mistakes, entries, missing = Collected(), [], {}
    given = _by_name(suite)
    for name, file in given.items():
        with mistakes.noted():
            data_set = read_data_set(file, data_root)
            protocols = [(each, protocol_of(each, data_set, f"{file}.{each['type']}")) for each in suite.entries(file)]
            try:
                for _, protocol in protocols:
                    Evaluation.identity(protocol)  # of its data alone: what else it needs is no part of the set
            except UserError as error:
                missing[name] = str(error)
            else:
                entries += _entries(name, data_set, protocols)
    if not skip_missing:
        mistakes.errors += [
            UserError(f"data set {name}: {why}; {_help(given[name])}, and {SKIP} passes over it")
            for name, why in missing.items()
        ]
    for entry in entries:
        for candidate in candidates:
            with mistakes.noted():
                _refuse(candidate, entry)
    mistakes.tell()
    if not entries:
        raise UserError(f"none of the data sets is there ({', '.join(missing)}); {_help(given[next(iter(missing))])}")
    return Plan(tuple(candidates), tuple(entries), missing)


def _by_name(suite: Suite) -> dict[str, str]:
    """{what a report calls a data set: how the suite names it}. UserError where two would be called alike."""
    found: dict[str, str] = {}
    for given in suite.sets:
        other = found.setdefault(Path(given).stem, given)
        if other != given:
            raise UserError(
                f"{other} and {given} would both be called {Path(given).stem!r}; rename one of the two files"
            )
    return found


def _entries(name: str, data_set: DataSet, protocols: list[tuple[dict[str, Any], Evaluation]]) -> list[Entry]:
    """UserError where two are the same: a mean over data sets would count this one twice."""
    found: dict[str, Entry] = {}
    for given, protocol in protocols:
        entry = Entry(name, data_set, _label(given), protocol, keys.of_data(protocol))
        if (other := found.setdefault(entry.key, entry)) is not entry:
            raise UserError(f"data set {name}: {entry.label} is the same as {other.label}; leave one of them out")
    return list(found.values())


def _help(given: str) -> str:
    program = typed.program().replace("evaluate", "prepare")
    return f"`{program} fetch-help {shlex.quote(given)}` says where it comes from"


def _label(entry: dict[str, Any]) -> str:
    """few_shot shots=4"""
    return " ".join([entry["type"], *(f"{key}={value}" for key, value in entry.items() if key != "type")])


def _refuse(candidate: Candidate, entry: Entry) -> None:
    """UserError where this checkpoint cannot be measured so."""
    try:
        entry.protocol.metrics(candidate.method)
        entry.protocol.check(candidate.method, candidate.class_names)
    except UserError as error:
        raise UserError(f"{candidate.name} cannot be measured by {entry.label} on {entry.set_name}: {error}") from error
