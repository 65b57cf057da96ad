"""No credential survives redaction, whatever surrounds it."""

from urllib.parse import quote

from hypothesis import example, given
from hypothesis import strategies as st

from stream.domain.redaction import redact

ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

secrets = st.text(ALPHANUMERIC + "-_~.", min_size=12, max_size=40)
# Too short to hold a secret by chance.
names = st.text(ALPHANUMERIC, min_size=1, max_size=8)
KEY_ID = "AKIAABCDEFGHIJKLMNOP"
hints = st.sampled_from(
    [
        "token",
        "sig=",
        "?",
        "#",
        "://",
        "@",
        "=",
        ":",
        "Bearer ",
        "authorization: ",
        KEY_ID,
        "***",
        "*",
        "%3A%2F%2F",
        '"',
    ]
)
texts = st.lists(st.one_of(hints, st.text(st.characters(exclude_categories=()), max_size=8))).map("".join)

QUERIES = [
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={0}%2F20240325%2Fus-west-2%2Fs3%2Faws4_request&X-Amz-Signature={1}",
    "response-content-disposition=attachment;filename*=UTF-8''a.mp4&X-Amz-Security-Token={0}&X-Amz-Signature={1}",
    "AWSAccessKeyId={0}&Signature={1}&Expires=1711402402",
    "X-Goog-Credential={0}&X-Goog-Signature={1}",
    "sv=2022-11-02&se=2024-03-25T21%3A33%3A22Z&sr=b&skoid={0}&sig={1}",
    "Policy={0}&Key-Pair-Id=K1&Signature={1}",
    "{0}{1}",
]
SETTINGS = [
    "Failed to download: {0}: 403 Forbidden",
    "{0}",
    'Failed to download "{0}": 403 Forbidden',
    "Failed (see {0}). Giving up",
    "<a href='{0}'>here</a>",
    '{{"uri":"{0}","n":1}}',
    "{0},{0}\n{0}",
    "moved to https://proxy.example/fetch/{1}",
]

urls = st.builds(
    lambda scheme, user, path, query, one, two: (
        f"{scheme}://u:{user}@media.example/{path}?{query.format(one, two)}",
        (user, one, two),
    ),
    st.sampled_from(["https", "http", "s3", "ftp"]),
    secrets,
    names,
    st.sampled_from(QUERIES),
    secrets,
    secrets,
)
headers = st.sampled_from(
    [
        "Authorization: Bearer {0}",
        "authorization=Basic {0}",
        '"Authorization":"{0}"',
        "using bearer {0} now",
        "api_key={0}",
        '"apiKey": "{0}"',
        "client-secret: {0}",
        "password={0};",
        "AWS_SECRET_ACCESS_KEY={0}",
        "x-amz-security-token: {0}",
    ]
)


@given(texts)
@example(KEY_ID + "sig=abc")
@example("?" * 5000)
@example("sig=abc" * 700)
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@given(texts)
def test_redacted_text_is_never_longer(text: str) -> None:
    assert len(redact(text)) <= len(text)


@given(urls, st.sampled_from(SETTINGS))
def test_no_secret_of_a_presigned_url_survives(url: tuple[str, tuple[str, ...]], setting: str) -> None:
    address, hidden = url
    left = redact(setting.format(address, quote(address, safe="")))
    assert not [secret for secret in hidden if secret in left]


@given(headers, secrets, names, names)
def test_no_named_secret_survives(header: str, secret: str, before: str, after: str) -> None:
    assert secret not in redact(f"{before} {header.format(secret)} {after}")


@given(st.text(ALPHANUMERIC.upper(), min_size=16, max_size=16), names)
def test_an_access_key_id_is_known_by_its_shape(rest: str, before: str) -> None:
    assert rest not in redact(f"{before} AKIA{rest} is not authorized")


def test_what_is_no_secret_stays_readable() -> None:
    text = "Failed to download https://media.example/a/b.mp4: 403 Forbidden (job bcb9f15d-2b00, try 3 of 5)"
    assert redact(text) == text
