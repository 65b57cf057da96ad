"""The rules file: any text gives rules or faults, and every fault is named with its line, all of them at once."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.domain.rules import RuleSet
from stream.rules_file import Fault, load, read

PANE_MS = 10_000
SOUND = '[[rule]]\nname = "a"\nkind = "threshold"\n'
BURN = '[[rule]]\nname = "a"\nkind = "burn_rate"\n'
SHIFT = '[[rule]]\nname = "a"\nkind = "shift"\n'
OVERRIDE = SOUND + "[[rule.overrides]]\npresets = ['nightly-*']\n"
REASON = SOUND + '[[reason]]\nname = "mine"\nparty = "daily"\n'


def sound(loaded: RuleSet | tuple[Fault, ...]) -> RuleSet:
    assert isinstance(loaded, RuleSet), "\n".join(map(str, loaded))
    return loaded


def faults(text: str) -> list[str]:
    loaded = load(text, "rules.toml", PANE_MS)
    assert isinstance(loaded, tuple)
    return [str(fault) for fault in loaded]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (SOUND + "eror_rate = 0.1\n", "4: unknown key 'eror_rate': did you mean 'error_rate'?"),
        (SOUND + 'after = "5m"\n', "4: key 'after' is for silence rules, and this is a threshold rule"),
        (REASON + 'contains = "x"\ncontain = "x"\n', "8: unknown key 'contain': did you mean 'contains'?"),
        (SOUND + "[[rules]]\n", "4: unknown key or table 'rules': did you mean 'rule'?"),
        (
            "pane = 3\n" + SOUND,
            "1: unknown key or table 'pane': a rules file holds [[rule]] and [[reason]] tables only",
        ),
        ('[[rule]]\nname = "a"\nkind = "treshold"\n', "1: unknown kind 'treshold': did you mean 'threshold'?"),
        (
            '[[rule]]\nname = "a"\nkind = 3\n',
            "1: unknown kind 3: use threshold, burn_rate, shift, consecutive or silence",
        ),
        ('[[rule]]\nname = "a"\n', "1: this rule has no kind: use threshold, burn_rate, shift, consecutive or silence"),
        ('\n[[rule]]\nkind = "silence"\n', "2: this rule has no name"),
        (
            "[[rule]]\nname = 'A b'\nkind = 'silence'\n",
            "2: name must be 1 to 64 lower-case letters, digits, '-', '_' or '.', got \"A b\"",
        ),
        (BURN + "objective = 99\n", "4: objective must be below 1, got 99: did you mean 0.99?"),
        (BURN + "pairs = []\n", "4: pairs must not be empty: leave it out for those of Google's workbook"),
        (BURN + "pairs = [{ long = '1h' }]\n", "4: this rule has no pairs[0].budget"),
        (
            BURN + "pairs = [{ long = '1h', shrt = '5m', budget = 0.02 }]\n",
            "4: unknown key 'shrt' in pairs[0]: did you mean 'short'?",
        ),
        (
            BURN + "pairs = [{ long = '1h', burn = 14.4, budget = 0.02 }]\n",
            "4: unknown key 'burn' in pairs[0]; known here are long, short, budget",
        ),
        (
            BURN + "[[rule.pairs]]\nlong = '1h'\nshort = '1h'\nbudget = 0.02\n",
            "4: pairs[0] must have a short window below its long one, 1h",
        ),
        (
            BURN + "pairs = [{ long = '1m', budget = 0.0001 }]\n",
            "4: pairs[0].short must be a multiple of the pane, 10s: got 5s, nearest 10s",
        ),
        (
            BURN + "pairs = [{ long = '36h30m', budget = 0.1 }]\n",
            "4: pairs[0].long must be a whole number of hours, as it is above 1d",
        ),
        (
            BURN + "objective = 0.9\n",
            "1: this rule can never fire by pairs[0]: 0.02 of the budget in 1h is an error rate of 134%: give less",
        ),
        (BURN + "error_rate = 0.1\n", "4: key 'error_rate' is for threshold rules, and this is a burn_rate rule"),
        (SHIFT + "baseline = 'lern'\n", "4: baseline must be a rate such as 0.02, or 'learn', got 'lern'"),
        (SHIFT + "baseline = 2\n", "4: baseline must be above 0 and below 1, got 2: did you mean 0.02?"),
        (SHIFT + "baseline = true\n", "4: baseline must be a rate such as 0.02, or 'learn', got True"),
        (
            SHIFT + "baseline = 0.1\n",
            "1: this rule cannot tell detect (0.1) from baseline (0.1): it must be 0.125 or more",
        ),
        (
            SHIFT + "false_alarms = '90d'\n",
            "4: false_alarms must be a number of alarms per duration, as in \"1 per 90d\", got '90d'",
        ),
        (
            SHIFT + "false_alarms = '1 per 90 days'\n",
            "4: false_alarms must be a number of alarms per duration, as in \"1 per 90d\", got '1 per 90 days'",
        ),
        (
            SHIFT + "false_alarms = '9 per 1h'\n",
            "4: false_alarms must be between 1 per 1h and 1 per 3650d, got '9 per 1h'",
        ),
        (SOUND + "inhibit = 1\n", "4: inhibit must be true or false, got 1"),
        (SOUND + "[[rule.overrides]]\nerror_rate = 0.3\n", "4: this rule has no overrides[0].presets"),
        (OVERRIDE + "error_rate = 3\n", "6: overrides[0]: error_rate must be below 1, got 3: did you mean 0.03?"),
        (OVERRIDE + "eror_rate = 0.3\n", "6: overrides[0]: unknown key 'eror_rate': did you mean 'error_rate'?"),
        (
            OVERRIDE + "window = '15s'\n",
            "6: overrides[0]: window must be a multiple of the pane, 10s: got 15s, nearest 10s or 20s",
        ),
        (
            OVERRIDE + "parties = ['daily']\n",
            "4: overrides[0] cannot change parties: write a rule of its own for these presets",
        ),
        (
            SHIFT + "baseline = 0.02\n[[rule.overrides]]\npresets = ['a']\nbaseline = 0.2\n",
            "5: overrides[0]: this rule cannot tell detect (0.1) from baseline (0.2): it must be 0.25 or more",
        ),
        (SOUND + SOUND, "5: name 'a' is taken by the rule at line 2: names are unique"),
        (SOUND + 'window = "15s"\n', "4: window must be a multiple of the pane, 10s: got 15s, nearest 10s or 20s"),
        (SOUND + 'window = "31d"\n', "4: window must be above 0s and at most 30d"),
        (SOUND + "window = 300\n", '4: window 300 is not a duration: write text with a unit, as in "300s"'),
        (
            SOUND + 'for = "5 min"\n',
            "4: for '5 min' is not a duration: write numbers with units, as in 10s, 5m, 24h, 3d or 1h30m",
        ),
        (SOUND + "error_rate = 10\n", "4: error_rate must be below 1, got 10: did you mean 0.10?"),
        (SOUND + "error_rate = 2.5\n", "4: error_rate must be below 1, got 2.5: did you mean 0.025?"),
        (SOUND + "error_rate = 0\n", "4: error_rate must be above 0, got 0"),
        (SOUND + "error_rate = nan\n", "4: error_rate must be below 1, got NaN"),
        (SOUND + 'error_rate = "10%"\n', '4: error_rate must be a number, got "10%"'),
        (SOUND + "confidence = 95\n", "4: confidence must be below 1, got 95: did you mean 0.95?"),
        (SOUND + "resolve_below = 0.2\n", "4: resolve_below must not be above error_rate (0.1), got 0.2"),
        (SOUND + "min_jobs = true\n", "4: min_jobs must be a whole number, got true"),
        (SOUND + "min_jobs = 0\n", "4: min_jobs must be at least 1, got 0"),
        (SOUND + 'presets = "a"\n', '4: presets must be a list, got "a"'),
        (SOUND + "presets = [\n  'a',\n  3,\n]\n", "4: presets[1] must be text, got 3"),
        (
            SOUND + 'parties = ["daly"]\n',
            "4: parties[0] must be 'customer', 'daily' or 'unknown', got \"daly\": did you mean 'daily'?",
        ),
        (
            SOUND + 'source_types = ["recordingid"]\n',
            (
                "4: source_types[0] must be 'uri', 'recordingId', 'transcriptUri', 'other' or 'unknown', "
                "got \"recordingid\": did you mean 'recordingId'?"
            ),
        ),
        (
            SOUND + 'group_by = ["preset", "reasons"]\n',
            "4: group_by[1] must be 'preset' or 'reason', got \"reasons\": did you mean 'reason'?",
        ),
        (SOUND + 'group_by = ["reason"]\n', '4: group_by must be ["preset"] or ["preset", "reason"]'),
        (SOUND + 'groupby = ["preset"]\n', "4: unknown key 'groupby': did you mean 'group_by'?"),
        (
            SOUND + '[[rule.overrides]]\npresets = ["a"]\nsource_types = ["uri"]\n',
            "4: overrides[0] cannot change source_types: write a rule of its own for these presets",
        ),
        (
            SOUND
            + 'group_by = ["preset", "reason"]\nparties = ["unknown"]\n'
            + "".join(f'[[reason]]\nname = "r{n}"\nparty = "unknown"\ncontains = "r{n}"\n' for n in range(60)),
            (
                "4: group_by makes 63 alerts of each preset, and the most is 50: "
                'name the reasons that matter, as in reasons = ["timeout"]'
            ),
        ),
        (SOUND + 'reasons = ["timeouts"]\n', "4: unknown reason 'timeouts': did you mean 'timeout'?"),
        (SOUND + 'severity = "page"\n', "4: severity must be 'critical', 'warning' or 'info', got \"page\""),
        (SOUND + 'on_no_data = "x"\n', "4: on_no_data must be 'hold', 'resolve' or a duration such as 1h, got 'x'"),
        (SOUND + "labels = 3\n", "4: labels must be a table of texts, got 3"),
        (
            SOUND + '[rule.annotations]\nx = "y"\nsummary = "{presett}"\n',
            "6: annotations.summary has an unknown placeholder {presett}: did you mean {preset}?",
        ),
        (
            SOUND + 'annotations = { summary = "{" }\n',
            "4: annotations.summary has a lone '{': write it twice to mean the brace itself",
        ),
        (REASON, "4: this reason needs either contains or pattern, and not both"),
        (
            REASON + 'pattern = "("\n',
            "7: pattern is not a regular expression: missing ), unterminated subpattern at position 0",
        ),
        (
            REASON + 'contains = "x"\n[[reason]]\nname = "mine"\nparty = "unknown"\ncontains = "y"\n',
            "10: party of reason 'mine' differs from that at line 6: a reason belongs to one party",
        ),
        ("", '1: holds no [[rule]]: add one, for example name = "no-events" and kind = "silence"'),
        ("[rule]\nname = 'a'\n", "1: write [[rule]] in double brackets, once for each rule"),
        ("rule = [3]\n", "1: this rule must be a table, got 3"),
        (
            SOUND + "window = 5m\n",
            '4: unexpected text after the value: texts and durations need quotes, as in window = "5m"',
        ),
        (SOUND + "severity = critical\n", '4: no TOML value: texts and durations need quotes, as in window = "5m"'),
        (SOUND + "min_jobs = 1\nmin_jobs = 2\n", "5: this key is given twice"),
        (SOUND + 'labels = { a = "b"', "4: is not valid TOML: unclosed inline table"),
    ],
)
def test_a_fault_is_named_with_its_line(text: str, fault: str) -> None:
    assert faults(text) == [f"rules.toml:{fault}"]


def test_all_faults_are_named_at_once_in_the_files_order() -> None:
    text = (
        SOUND + 'window = "15s"\nerror_rate = 5\nbogus-key = 1\n' + '[[rule]]\nkind = "silence"\nafter = "1s"\n' + SOUND
    )
    assert [int(fault.split(":")[1]) for fault in faults(text)] == [4, 5, 6, 7, 9, 11]


@pytest.mark.parametrize(
    "before",
    [
        '[[rule]] # "[[rule]]"\n"name" = "b"\nkind = "silence"\n',
        '[[rule]]\nname = "b"\nkind = "silence"\nlabels.text = """\n[[rule]]\nmin_jobs = 3\n"""\n',
        "[[rule]]\nname = 'b'\nkind = 'silence'\nlabels.text = '''\n[[rule]]\n'''\nlabels.b = \"'''\"\n",
        '[[ "rule" ]]\nname = "b"\nkind = "silence"\n[rule.labels]\nmin_jobs = "no"\n',
        '[[rule]]\nname = "b"\nkind = "silence"\nlabels.text = """a""""\nlabels.b = "\\"\\"\\""\n',
    ],
)
def test_text_that_looks_like_keys_does_not_move_a_faults_line(before: str) -> None:
    line = before.count("\n") + 4
    assert faults(before + SOUND + "min_jobs = 0\n") == [f"rules.toml:{line}: min_jobs must be at least 1, got 0"]


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SOUND.replace("\n", "\r\n").encode())
    assert read(path, PANE_MS) == load(SOUND, "rules.toml", PANE_MS)
    path.write_bytes(b"\xef\xbb\xbf" + (SOUND + "min_jobs = 0\n").replace("\n", "\r\n").encode())
    assert [str(fault) for fault in read(path, PANE_MS)] == [f"{path}:4: min_jobs must be at least 1, got 0"]


def test_a_file_that_is_not_utf_8_is_a_fault_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_bytes(SOUND.encode() + b"# caf\xe9\n")
    assert read(path, PANE_MS) == (Fault(str(path), 4, "byte 0xe9 is not UTF-8: save the file as UTF-8"),)


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.toml", tmp_path):
        (fault,) = read(path, PANE_MS)
        assert isinstance(fault, Fault)
        assert str(fault).startswith(f"{path}: cannot be read (")


@pytest.mark.parametrize("text", ["x = " + "[" * 5_000, "x = " + "1" * 5_000])
def test_a_text_that_overwhelms_the_parser_is_a_fault(text: str) -> None:
    assert len(faults(text)) == 1


LINES = st.sampled_from(
    [
        "[[rule]]",
        "[rule]",
        "[[reason]]",
        "[rule.labels]",
        'name = "a"',
        "name = []",
        'kind = "threshold"',
        'kind = "silence"',
        "kind = {}",
        'window = "5m"',
        "window = 1979-05-27",
        "rule = [[]]",
        "min_jobs = inf",
        'party = "daily"',
        'x."y" = 1',
        '"""',
    ]
)


@given(st.text() | st.lists(LINES | st.text(max_size=8)).map("\n".join))
def test_any_text_gives_rules_or_faults_within_the_file(text: str) -> None:
    loaded = load(text, "rules.toml", PANE_MS)
    if isinstance(loaded, tuple):
        assert loaded
        assert all(0 <= fault.line <= text.count("\n") + 1 for fault in loaded)


def test_several_texts_may_share_one_reason() -> None:
    text = REASON + 'contains = "x"\n[[reason]]\nname = "mine"\nparty = "daily"\npattern = "y+"\n'
    rules = sound(
        load(text + '[[rule]]\nname = "b"\nkind = "consecutive"\nreasons = ["mine", "timeout"]\n', "r", PANE_MS)
    )
    assert [reason.name for reason in rules.reasons] == ["mine", "mine"]
