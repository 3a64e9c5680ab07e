"""Markdown tables."""

from collections.abc import Sequence


def markdown_table(rows: Sequence[Sequence[str]], text_columns: int) -> list[str]:
    r"""Lay a table out in Markdown that can be read as it stands, too.

    Parameters
    ----------
    rows : sequence of sequence of str
        The header and the rows.
    text_columns : int
        How many columns from the left hold text; the others hold numbers.

    Examples
    --------
    >>> print("\n".join(markdown_table([["label", "AP"], ["siren", "0.913"]], text_columns=1)))
    | label |    AP |
    | ----- | ----: |
    | siren | 0.913 |
    """
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(3, *(len(row[place]) for row in cells)) for place in range(len(cells[0]))]
    rule = [
        "-" * width if place < text_columns else "-" * (width - 1) + ":"
        for place, width in enumerate(widths)
    ]

    def line(row: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if place < text_columns else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    return [line(row) for row in (cells[0], rule, *cells[1:])]
