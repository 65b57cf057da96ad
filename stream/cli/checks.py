"""What the doctor looks for: each check is a fact, a judgement and a remedy.

Law: pure. Facts are gathered elsewhere; here they are judged, and whoever is told of a fault is told how to mend it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from stream.cli.ask import Answer, NoAnswer
from stream.cli.output import Ended, ExitCode
from stream.cli.reach import way_in
from stream.daily.wire import ACTIVE, Webhook
from stream.domain.rules import RuleSet
from stream.rules_file import Fault
from stream.settings import PREFIX, Settings
from stream.topic_configs import Config
from stream.topics import copartitioned_with_events, wanted

FAR_BEHIND = 10_000
"""Records: a worker counts as many in about a second, so a standing lag of this size is no hiccup."""


class State(StrEnum):
    """What a check came to."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at; `mend` says what to do, and is empty when all is well."""

    name: str
    state: State
    what: str
    mend: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the check for a program."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the broker says: partitions by topic; of the events topic, the ends and what the group has read."""

    sizes: Mapping[str, int]
    ends: Mapping[int, int]
    committed: Mapping[int, int]
    configs: Mapping[str, Config] = field(default_factory=dict)
    """What our topics are set to; one that may not be looked at is not there."""
    replicas: Mapping[str, int] = field(default_factory=dict)
    brokers: int = 1


def check_broker(settings: Settings, cluster: Cluster | str) -> Check:
    """Judge whether the broker is there."""
    if isinstance(cluster, Cluster):
        return Check("broker", State.OK, f"answers at {settings.bootstrap}")
    way = way_in(settings)
    return Check("broker", State.FAIL, f"{settings.bootstrap} {cluster}", way[0].upper() + way[1:])


def check_topics(settings: Settings, sizes: Mapping[str, int]) -> Check:
    """Judge whether the topics exist and a worker can run on them."""
    missing = [topic for topic in wanted(settings) if topic not in sizes]
    partitions = sizes.get(settings.events_topic)
    copartitioned = copartitioned_with_events(settings)
    unfit = [topic for topic in copartitioned if partitions is not None and sizes.get(topic, partitions) != partitions]
    if unfit:
        what = f"{', '.join(f'{topic} has {sizes[topic]}' for topic in unfit)} partitions, {settings.events_topic} has"
        mend = f"Set {PREFIX}APP_ID to a new name; state is rebuilt from the log."
        return Check("topics", State.FAIL, f"{what} {partitions}: they must be equal", mend)
    if missing:
        mend = "Nothing to do: a worker, or `presetwatch produce`, makes them."
        return Check("topics", State.WARN, f"missing: {', '.join(missing)}", mend)
    return Check("topics", State.OK, f"all there, {partitions} partitions")


def check_state(faults: Sequence[str] | str) -> Check:
    """Judge whether what is stored can be counted on; a text says why that could not be found out."""
    if isinstance(faults, str):
        return Check("state", State.WARN, f"not looked at: {faults}", "Mend what stands above and ask again.")
    if not faults:
        return Check("state", State.OK, "a worker can count on from what is stored")
    what, _, mend = faults[0].rpartition(". ")
    return Check("state", State.FAIL, f"{what} (and {len(faults) - 1} more)" if faults[1:] else what, mend)


def check_lag(settings: Settings, cluster: Cluster) -> Check:
    """Judge how far the workers are behind the events topic."""
    lags = {partition: end - cluster.committed.get(partition, 0) for partition, end in sorted(cluster.ends.items())}
    behind = sum(lags.values())
    mend = f"See whether a worker of app {settings.app_id} runs and what its log says; more workers share the work."
    if behind and not cluster.committed:
        return Check("lag", State.WARN, f"{settings.app_id} has read none of {behind:,} records", mend)
    each = ", ".join(f"{partition}: {lag:,}" for partition, lag in lags.items() if lag)
    what = f"{behind:,} records behind{f' (partition {each})' if each else ''}"
    return Check("lag", State.WARN, what, mend) if behind >= FAR_BEHIND else Check("lag", State.OK, what)


def check_rules(path: str, found: RuleSet | Sequence[Fault]) -> Check:
    """Judge the rules file."""
    if isinstance(found, RuleSet):
        return Check("rules", State.OK, f"{path}: {len(found.rules)} rules")
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Check(
        "rules", State.FAIL, f"{found[0]}{more}", f"Mend it; `presetwatch rules check {path}` shows every fault."
    )


def check_worker(url: str, answer: Answer | NoAnswer) -> Check:
    """Judge whether a worker answers and is ready."""
    if isinstance(answer, NoAnswer):
        mend = f"Start one with `presetwatch worker`, or set {PREFIX}WEB_HOST and {PREFIX}WEB_PORT to where one is."
        return Check("worker", State.FAIL, f"nothing answers at {url} ({answer.why})", mend)
    if answer.status == 200:
        return Check("worker", State.OK, f"ready at {url}")
    if answer.status == 503:
        return Check("worker", State.WARN, answer.sentence(), "Wait: it recovers its state, then it is ready.")
    mend = f"Something else listens there: set {PREFIX}WEB_PORT to another port."
    return Check("worker", State.FAIL, f"{url} answers with status {answer.status}", mend)


def check_secret(settings: Settings) -> Check:
    """Judge whether webhooks can be told from forgeries."""
    if settings.webhook_hmac or settings.webhook_basic_auth:
        return Check("secret", State.OK, "webhooks are verified")
    mend = f"Set {PREFIX}WEBHOOK_HMAC to the hmac that Daily gave when the webhook was made."
    return Check("secret", State.WARN, "no webhook secret: a gateway could not tell Daily from anyone else", mend)


def check_webhooks(found: Sequence[Webhook] | Ended, secrets: str = "") -> Check:
    """Judge whether Daily tells us of jobs; an ending says why it could not be asked.

    `secrets` are those that a gateway knows, as the settings have them; without any nothing is said of secrets.
    """
    if isinstance(found, Ended):
        state = State.WARN if found.code is ExitCode.OUT_OF_REACH else State.FAIL
        return Check("webhooks", state, "Daily does not say how they are", str(found))
    ours = [webhook for webhook in found if webhook.is_about_jobs]
    failed = [str(webhook.uuid) for webhook in ours if webhook.has_failed]
    if failed:
        mend = "See that its address answers, then `presetwatch webhook reactivate` and `presetwatch reconcile`."
        return Check("webhooks", State.FAIL, f"Daily has given up on {', '.join(failed)} and sends it nothing", mend)
    return _check_subscriptions(ours, {each.strip() for each in secrets.split(",")} - {""})


def _check_subscriptions(ours: Sequence[Webhook], secrets: Collection[str]) -> Check:
    lacking = [webhook for webhook in ours if webhook.missing_types]
    if len(lacking) == len(ours):
        told = [f"{webhook.uuid} does not tell of {webhook.missing_types[0]}" for webhook in lacking]
        mend = "`presetwatch webhook create ADDRESS` makes one for both events about batch jobs."
        return Check("webhooks", State.WARN, "; ".join(told) or "Daily has no webhook that tells of batch jobs", mend)
    odd = [f"{webhook.uuid} is {webhook.state or 'in no known state'}" for webhook in ours if webhook.state != ACTIVE]
    if len(odd) == len(ours):
        return Check("webhooks", State.WARN, "; ".join(odd), "`presetwatch webhook reactivate UUID` turns it on.")
    strange = [str(webhook.uuid) for webhook in ours if secrets and not _is_known(webhook, secrets)]
    if strange:
        what = f"the secret of {', '.join(strange)} is not in {PREFIX}WEBHOOK_HMAC: a gateway refuses all it sends"
        return Check(
            "webhooks", State.WARN, what, "Add it there, after a comma, unless it is sent to another receiver."
        )
    failures = sum(webhook.failed_count or 0 for webhook in ours)
    return Check("webhooks", State.OK, f"{len(ours)} tell of batch jobs, {failures} deliveries failed in a row")


def _is_known(webhook: Webhook, secrets: Collection[str]) -> bool:
    # Where Daily does not tell the secret nothing can be said.
    return webhook.hmac is None or webhook.hmac.get_secret_value().strip() in secrets
