"""Episodes against incidents that are known: what was found, how soon, and what was a false alarm."""

from schemas.alert import AlertEvent
from stream.domain.episodes import BELONGS_WITHIN_MS, FLAPS_WITHIN_MS, Episode, Incident, episodes_of, score
from tests.cli.commands import alert

M = 60_000


def fired(at_ms: int, episode: str = "e", **given: str) -> AlertEvent:
    return alert(at_ms, id=f"{episode}-1", episode=episode, **given)


def resolved(at_ms: int, episode: str = "e", **given: str) -> AlertEvent:
    ending = {"kind": "resolved", "resolve_reason": "recovered", "sequence": 2}
    return alert(at_ms, id=f"{episode}-2", episode=episode, **ending, **given)


def firing(start: int, end: int, preset: str = "summarize", rule: str = "r") -> Episode:
    """Return an episode from minute to minute."""
    return Episode(rule, "critical", preset, start * M, end * M, "recovered")


def incident(start: int, end: int, preset: str = "summarize") -> Incident:
    return Incident(preset, start * M, end * M)


def test_an_episode_lasts_from_firing_to_resolving_and_to_the_end_of_the_log_if_it_still_fires() -> None:
    events = [fired(1 * M, "a"), fired(2 * M, "b"), resolved(5 * M, "a")]
    assert [(one.fired_at_ms, one.ends_at_ms, one.resolve_reason) for one in episodes_of(events, 9 * M)] == [
        (1 * M, 5 * M, "recovered"),
        (2 * M, 9 * M, None),
    ]


def test_an_alert_that_fires_at_the_very_end_lasts_no_time_and_not_less() -> None:
    assert episodes_of([fired(9 * M)], 8 * M)[0].lasted_ms == 0


#            0    5    10   15   20   25 minutes
# incident        |─────────|
# a                 ▲───✓                       found after 2 minutes
# b                    ▲────────✓               found, but later
# c                                   ▲──✓      false
def test_the_first_alert_tells_of_an_incident_and_one_outside_is_false() -> None:
    episodes = [firing(7, 11), firing(9, 18, rule="s"), firing(22, 25)]
    found = score(episodes, [incident(5, 15)])
    assert (found.delays_ms, found.false_alarms, found.episodes) == ((2 * M,), 1, 3)
    assert found.firing_ms == (4 + 9 + 3) * M


def test_an_alert_soon_after_an_incident_belongs_to_it_and_a_later_one_does_not() -> None:
    within = BELONGS_WITHIN_MS // M
    known = [incident(5, 15)]
    assert score([firing(15 + within - 1, 40)], known).false_alarms == 0
    assert score([firing(15 + within, 40)], known).false_alarms == 1


def test_an_alert_that_was_firing_already_finds_an_incident_at_once_and_is_false_all_the_same() -> None:
    found = score([firing(1, 40)], [incident(5, 15), incident(20, 30)])
    assert (found.delays_ms, found.false_alarms) == ((0, 0), 1)


def test_an_alert_that_ends_as_an_incident_begins_does_not_find_it() -> None:
    assert score([firing(1, 5)], [incident(5, 15)]).delays_ms == (None,)


def test_an_alert_about_another_preset_finds_nothing_and_a_glob_is_about_all_that_match() -> None:
    episodes = [firing(7, 11, preset="transcript")]
    assert score(episodes, [incident(5, 15)]).found == 0
    assert score(episodes, [incident(5, 15)]).false_alarms == 1
    assert score(episodes, [incident(5, 15, "trans*")]).found == 1
    assert score([firing(7, 11, preset="*")], [incident(5, 15, "*")]).found == 1


def test_without_incidents_no_alarm_is_called_false() -> None:
    assert score([firing(1, 2)], []).false_alarms == 0


def test_delays_are_those_of_the_incidents_that_were_found() -> None:
    known = [incident(0, 10), incident(20, 30), incident(40, 50), incident(60, 70)]
    found = score([firing(1, 2), firing(23, 24), firing(48, 49)], known)
    assert (found.found, found.median_delay_ms, found.worst_delay_ms) == (3, 3 * M, 8 * M)
    assert score([], known).median_delay_ms is None
    assert score([], known).worst_delay_ms is None


def test_an_alert_that_fires_again_soon_for_the_same_preset_and_rule_flaps() -> None:
    soon = FLAPS_WITHIN_MS // M
    assert score([firing(0, 1), firing(3, 4), firing(5, 6)], []).flaps == 2
    assert score([firing(0, 1), firing(1 + soon, 40)], []).flaps == 1
    assert score([firing(0, 1), firing(2 + soon, 40)], []).flaps == 0
    assert score([firing(0, 1), firing(3, 4, rule="s"), firing(3, 4, preset="transcript")], []).flaps == 0


def test_alerts_about_other_reasons_are_no_flaps_and_those_about_the_same_are() -> None:
    def episode(start: int, end: int, reason: str) -> Episode:
        return firing(start, end)._replace(group=reason)

    assert score([episode(0, 1, "timeout"), episode(2, 3, "other")], []).flaps == 0
    assert score([episode(0, 1, "timeout"), episode(2, 3, "timeout")], []).flaps == 1


def test_an_episode_knows_its_group() -> None:
    [one] = episodes_of([alert(0, id="e-1", episode="e", group={"reason": "timeout"})], M)
    assert one.group == "timeout"
