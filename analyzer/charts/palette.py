"""The colours, for light and dark.  Within a theme every colour is another, so that one theme maps onto the other."""

LIGHT = {
    "paper": "#ffffff", "raised": "#f6f7f9", "ink": "#1b1f24", "muted": "#59626d", "line": "#d9dde2", "grid": "#e8ebee",
    "a": "#2f6690", "b": "#c2662d", "c": "#1f8a7d", "d": "#7a5aa8", "e": "#a07d18", "f": "#b0517f",
    "quiet": "#a9b3be", "bad": "#c0241b", "warn": "#9a5700", "good": "#2b7a4b", "gap": "#f6e3c5", "link": "#1f5a8a",
}  # fmt: skip
DARK = {
    "paper": "#14171a", "raised": "#1c2024", "ink": "#e6e8eb", "muted": "#9aa3ad", "line": "#353b42", "grid": "#272c31",
    "a": "#6fa8d6", "b": "#e5935c", "c": "#4fbfb0", "d": "#b094dc", "e": "#d3ae46", "f": "#dd86ae",
    "quiet": "#616c78", "bad": "#ff6b60", "warn": "#e8a33d", "good": "#5cb985", "gap": "#43351d", "link": "#7fb6e2",
}  # fmt: skip
