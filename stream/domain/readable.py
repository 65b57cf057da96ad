"""Names that strangers chose, as people can read them without harm.

Law: pure. What would not show, would turn what follows around or is an order to a terminal is spelled out, as the
dashboard does it; and what comes back is one line of bounded length.
"""

LONGEST = 160
JOINERS = "\u200c\u200d"
"""They belong to scripts and emoji."""


def readable(text: str, longest: int = LONGEST) -> str:
    """Return text of which every character shows."""
    spelled = "".join(each if each.isprintable() or each in JOINERS else _spelled(each) for each in text[: longest + 1])
    return spelled if len(spelled) <= longest else f"{spelled[:longest]}…"


def one_line(text: str, longest: int = 2_000) -> str:
    """Return a text that somebody wrote, with its line breaks taken out, of which every character shows."""
    return readable(" ".join(text.split()), longest)


def _spelled(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"
