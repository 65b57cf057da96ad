"""The secret a new webhook is signed with: one that is set, or one made here.

Law: a new secret that goes to a file is there before Daily is asked, where only its owner reads it, and no file is left
of one that Daily has certainly not taken.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import O_CREAT, O_EXCL, O_WRONLY, fdopen
from os import open as open_file
from pathlib import Path
from secrets import token_bytes

from stream.cli.output import Ended, wrong
from stream.daily.failure import OutOfReach
from stream.settings import PREFIX, Settings

SECRET_BYTES = 32
"""As long as what it is used for gives, SHA-256."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A webhook's secret, base64."""

    value: str
    is_new: bool

    def __repr__(self) -> str:
        return f"Secret(is_new={self.is_new})"

    def as_setting(self) -> bytes:
        """Return the line for the gateway's environment."""
        return f"{PREFIX}WEBHOOK_HMAC={self.value}".encode()

    @contextmanager
    def kept_in(self, file: Path | None) -> Iterator[None]:
        """Write the secret to a new file; if the block fails and Daily has certainly not taken it, the file goes."""
        if file is None:
            yield
            return
        _write(file, self.as_setting() + b"\n")
        try:
            yield
        except BaseException as error:
            if not _may_be_taken(error):
                file.unlink(missing_ok=True)
            raise


def secret_for(settings: Settings, file: Path | None) -> Secret:
    """Return the first secret of the settings, or a new one where none is set or a file is to get it."""
    if settings.webhook_hmac is None or file is not None:
        return Secret(b64encode(token_bytes(SECRET_BYTES)).decode(), is_new=True)
    first = settings.webhook_hmac.get_secret_value().split(",")[0].strip()
    try:
        is_base64 = bool(b64decode(first, validate=True))
    except binascii.Error:
        is_base64 = False
    if not is_base64:
        raise wrong(f"{PREFIX}WEBHOOK_HMAC does not begin with a secret in base64: mend it, or unset it for a new one.")
    return Secret(first, is_new=False)


def _write(file: Path, line: bytes) -> None:
    try:
        handle = open_file(file, O_WRONLY | O_CREAT | O_EXCL, 0o600)
    except FileExistsError:
        raise wrong(f"{file} exists and is left as it is: name a file that does not exist yet.") from None
    with fdopen(handle, "wb") as written:
        written.write(line)


def _may_be_taken(error: BaseException) -> bool:
    """Tell whether Daily may have got the secret in spite of an error."""
    cause = error.__cause__
    return not isinstance(error, Ended) or (isinstance(cause, OutOfReach) and not cause.is_undone)
