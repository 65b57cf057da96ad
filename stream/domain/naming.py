"""Names of jobs and presets as they are kept.

Law: total and bounded. Names that differ stay different, even if they begin alike.
"""

from hashlib import blake2b

MAX_NAME_CHARS = 200


def bounded_name(name: str) -> str:
    """Return a name as it is kept, which is the name itself unless it is very long."""
    if len(name) <= MAX_NAME_CHARS:
        return name
    digest = blake2b(name.encode(errors="backslashreplace"), digest_size=8).hexdigest()
    return f"{name[:180]}~{digest}"
