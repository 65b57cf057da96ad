"""Why a job failed, read from error texts: Daily's documented ones and what its parts are made of."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.domain.causes import Cause, Causes, Party
from stream.domain.error_text import STAGES
from stream.domain.reasons import DEFAULT_RULES

CAUSES = Causes()
DOCUMENTED = (
    "Summary generation job failed: BatchProcessorTranscriptError: transcript job failed: "
    "Error: Failed to download: 403 Forbidden"
)
REASONS = {rule.name for rule in DEFAULT_RULES}

any_text = st.text(st.characters(exclude_categories=()))


@dataclass(frozen=True)
class Own:
    name: str
    party: str
    contains: str

    def matches(self, text: str) -> bool:
        return self.contains in text


def test_the_documented_text_is_a_customers_forbidden_download_deep_in_a_summary_job() -> None:
    cause = CAUSES.classify(DOCUMENTED)
    assert cause == Cause(
        stage="summary",
        root_stage="transcript",
        exception="BatchProcessorTranscriptError",
        http_status=403,
        reason="input_forbidden",
        party=Party.CUSTOMER,
        fingerprint=cause.fingerprint,
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (DOCUMENTED, "input_forbidden"),
        ("Failed to download: 401 Unauthorized", "input_forbidden"),
        ("Failed to download: Request has expired", "input_forbidden"),
        ("Failed to download: 403 Forbidden: <Error><Code>AccessDenied</Code></Error>", "input_forbidden"),
        ("An error occurred (AccessDenied) when calling the GetObject operation: Access Denied", "input_forbidden"),
        ('{"statusCode":403,"message":"Failed to download"}', "input_forbidden"),
        ("Failed to download: Request failed with status code 404", "input_not_found"),
        ("Failed to download: 410 Gone", "input_not_found"),
        ("Failed to download: NoSuchKey: The specified key does not exist.", "input_not_found"),
        ("Error: recording bcb9f15d-2b00-4d98-be5f-23888e2df2ca not found", "input_not_found"),
        ("Failed to download: 503 Service Unavailable", "input_unreachable"),
        ("Failed to download: getaddrinfo ENOTFOUND media.example.com", "input_unreachable"),
        ("Failed to download: connect ECONNREFUSED 203.0.113.7:443", "input_unreachable"),
        ("Failed to download: connect ETIMEDOUT 203.0.113.7:443", "input_unreachable"),
        ("Failed to download: unable to verify the first certificate", "input_unreachable"),
        ("Error: Failed to transcribe. May be invalid audio or silent file", "invalid_media"),
        ("transcript job failed: Error: Unsupported media format", "invalid_media"),
        ("transcript job failed: 400 Bad Request: corrupt or unsupported data", "invalid_media"),
        ("transcript job failed: moov atom not found", "invalid_media"),
        ("Error: 429 Too Many Requests", "rate_limited"),
        ("Failed to download: 429 Too Many Requests", "rate_limited"),
        ("Summary generation job failed: Error: Rate limit exceeded", "rate_limited"),
        ("transcript job failed: Error: connect ETIMEDOUT 198.51.100.1:443", "timeout"),
        ("TimeoutError: Job timed out after 3600 seconds", "timeout"),
        ("transcript job failed: 504 Gateway Timeout", "timeout"),
        ("FetchError: request to https://api.example.com/download failed, reason: connect ETIMEDOUT", "timeout"),
        ("Failed to upload transcript to s3://bucket/key: AccessDenied", "storage_denied"),
        ("AccessDenied writing to S3", "storage_denied"),
        ("AccessDenied: Access Denied", "storage_denied"),
        ("User is not authorized to perform: sts:AssumeRole", "storage_denied"),
        ("An error occurred (403) when calling the PutObject operation: Forbidden", "storage_denied"),
        ("transcript job failed: Error: 502 Bad Gateway", "upstream_error"),
        ("Summary generation job failed: Error: Request failed with status code 500", "upstream_error"),
        ("transcript job failed: connect ECONNREFUSED 10.0.0.3:443", "upstream_error"),
        ("transcript job failed: TypeError: fetch failed", "upstream_error"),
        ("Error: Failed to download", "download_failed"),
        ("Failed to download: 418 I'm a teapot", "download_failed"),
        ("Error: Failed to transcribe", "transcription_failed"),
        ("Summary generation job failed: BatchProcessorTranscriptError: transcript job failed", "transcription_failed"),
        ("Error: Failed to summarize", "summary_failed"),
        ("Summary generation job failed: Error: Unexpected end of JSON input", "summary_failed"),
        ("SOAP notes generation job failed: Error: no choices", "summary_failed"),
        ("Widget job failed: boom", "other"),
        ("Error: Invalid job state", "other"),
        ("", "unspecified"),
        (" \n\t", "unspecified"),
        ("Error", "unspecified"),
        ("Error: ", "unspecified"),
        ("undefined", "unspecified"),
        ("[object Object]", "unspecified"),
    ],
)
def test_the_first_row_that_applies_gives_the_reason(text: str, reason: str) -> None:
    assert CAUSES.classify(text).reason == reason


@pytest.mark.parametrize(
    ("reason", "party"),
    [
        ("input_forbidden", Party.CUSTOMER),
        ("input_not_found", Party.CUSTOMER),
        ("input_unreachable", Party.CUSTOMER),
        ("invalid_media", Party.CUSTOMER),
        ("rate_limited", Party.DAILY),
        ("timeout", Party.DAILY),
        ("upstream_error", Party.DAILY),
        ("download_failed", Party.DAILY),
        ("transcription_failed", Party.DAILY),
        ("summary_failed", Party.DAILY),
        ("storage_denied", Party.UNKNOWN),
        ("unspecified", Party.UNKNOWN),
        ("other", Party.UNKNOWN),
    ],
)
def test_every_reason_points_at_one_party(reason: str, party: Party) -> None:
    assert {rule.party for rule in DEFAULT_RULES if rule.name == reason} == {party}
    assert CAUSES.party_of(reason) is party


def test_a_reason_nobody_gives_points_at_nobody_known() -> None:
    assert CAUSES.party_of("gremlins") is Party.UNKNOWN


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Failed to download: 403 Forbidden", 403),
        ("Request failed with status code 404", 404),
        ('{"statusCode":503}', 503),
        ("HTTP/1.1 502 Bad Gateway", 502),
        ("server returned a 429", 429),
        ("Bad response (500)", 500),
        ("Response: 404", 404),
        ("AxiosError: http_status=451", 451),
        ("404 Not Found: /index", None),
        ("Failed to download https://example.com/403/status/404", None),
        ("s3://bucket/500 is empty", None),
        ("job 500e8400-e29b-41d4-a716-446655440000 failed with error 500e8400", None),
        ("Unknown job id: 404", None),
        ("stopped at line: 503", None),
        ("took 500 ms", None),
        ("failed with 500 ms to spare", None),
        ("error 4040", None),
        ("200 OK", None),
        ("port 443", None),
    ],
)
def test_the_http_status_comes_from_the_last_part_and_never_from_addresses_or_ids(
    text: str, status: int | None
) -> None:
    assert CAUSES.classify(text).http_status == status


@pytest.mark.parametrize(
    ("text", "outermost", "innermost"),
    [
        ("Transcription job failed: x", "transcript", "transcript"),
        ("Summarization job failed: transcribe job failed", "summary", "transcript"),
        ("SOAP notes generation job failed", "soap-notes", "soap-notes"),
        ("soap job failed: summary generation job failed: transcript job failed", "soap-notes", "transcript"),
        ("The summary job failed", "summary", "summary"),
        ("Translation job failed: transcript job failed", "other", "transcript"),
        ("Job failed: no reason", "", ""),
        ("Failed to transcribe", "", ""),
    ],
)
def test_stages_are_read_from_what_job_failed_and_named_alike(text: str, outermost: str, innermost: str) -> None:
    cause = CAUSES.classify(text)
    assert (cause.stage, cause.root_stage) == (outermost, innermost)


@pytest.mark.parametrize(
    ("text", "exception"),
    [
        ("BatchProcessorSummaryError: BatchProcessorTranscriptError: x", "BatchProcessorTranscriptError"),
        ("botocore.exceptions.ClientError: denied", "ClientError"),
        ("NoSuchKey: The specified key does not exist.", "NoSuchKey"),
        ("TypeError: Error: x", "TypeError"),
        ("Error: Exception: x", ""),
        ("Something went wrong", ""),
    ],
)
def test_the_exception_is_the_innermost_name_of_a_class(text: str, exception: str) -> None:
    assert CAUSES.classify(text).exception == exception


def test_a_users_own_reason_comes_before_the_table_and_takes_its_party() -> None:
    own = Causes([Own("our_bucket", "customer", "Failed to download"), Own("our_bucket", "daily", "never first")])
    assert own.classify(DOCUMENTED).reason == "our_bucket"
    assert own.classify(DOCUMENTED).party is Party.CUSTOMER
    assert own.party_of("our_bucket") is Party.CUSTOMER
    assert own.classify("429 Too Many Requests").reason == "rate_limited"


def test_the_party_stays_a_function_of_the_reason_when_a_user_renames_it() -> None:
    own = Causes([Own("timeout", "customer", "slow file")])
    assert own.classify("Job timed out").party is own.classify("slow file").party is Party.CUSTOMER


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Failed to download https://a.example/x?sig=1: 403 Forbidden", "Failed to download s3://b/y: 403 Forbidden"),
        (
            "no recording bcb9f15d-2b00-4d98-be5f-23888e2df2ca",
            "no recording 1dae15c5-6a85-4d65-ab00-4b19bb054b84",
        ),
        ("stuck since 2024-03-25T21:33:22.539Z", "stuck since 2025-01-01 00:00:00"),
        ("connect ECONNREFUSED 10.0.0.3:443", "connect ECONNREFUSED 10.12.0.44:8443"),
        ("read 1048576 of 99887766 bytes", "read 2097152 of 1234567 bytes"),
        ("outer 1: Timed out:  waiting", "outer 2: timed OUT: waiting"),
        ("boom\n    at f (/app/a.js:1:2)", "boom\n    at g (/app/b.js:3:4)"),
    ],
)
def test_texts_that_differ_only_in_what_varies_share_a_fingerprint(one: str, other: str) -> None:
    assert CAUSES.classify(one).fingerprint == CAUSES.classify(other).fingerprint


def test_texts_that_differ_in_their_innermost_parts_have_different_fingerprints() -> None:
    texts = ["a: 403 Forbidden", "a: 404 Not Found", "b: 403 Forbidden", "", "TypeError: 403 Forbidden"]
    assert len({CAUSES.classify(text).fingerprint for text in texts}) == len(texts)


@given(any_text)
def test_any_text_has_a_cause_made_of_closed_sets(text: str) -> None:
    cause = Causes().classify(text)
    assert cause.reason in REASONS
    assert {cause.stage, cause.root_stage} <= {*STAGES, "other", ""}
    assert cause.http_status is None or 400 <= cause.http_status < 600
    assert len(cause.fingerprint) == 12
    assert cause == CAUSES.classify(text)


@pytest.mark.parametrize(
    "repeated", ["a", "a-", "A1", "Aa", "a.", ": ", "://", "\n ", "\\", "(4", "0", " ", "recording ", "http", "code "]
)
def test_a_text_of_megabytes_costs_no_more_than_its_first_four_kilobytes(repeated: str) -> None:
    text = repeated * (5_000_000 // len(repeated))
    assert CAUSES.classify(text) == CAUSES.classify(text[:4096])
