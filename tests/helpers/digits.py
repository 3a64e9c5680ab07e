"""What the tests of recognizers share: the lexicon of digits, with two non-speech tags."""

from asr.formats.lexicon import Lexicon

DIGITS = Lexicon(
    {
        "zero": (("Z", "IY", "R", "OW"), ("Z", "IH", "R", "OW")),
        "one": (("W", "AH", "N"),),
        "two": (("T", "UW"),),
        "three": (("TH", "R", "IY"),),
        "four": (("F", "AO", "R"),),
        "five": (("F", "AY", "V"),),
        "six": (("S", "IH", "K", "S"),),
        "seven": (("S", "EH", "V", "AH", "N"),),
        "eight": (("EY", "T"),),
        "nine": (("N", "AY", "N"),),
    },
    {"[NOISE]": "NSN", "[BREATH]": "BRH"},
)
