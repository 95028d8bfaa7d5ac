"""Bars with their intervals as SVG, in nothing but text."""

from xml.sax.saxutils import escape

import run

WIDTH, LINE, LEFT, RIGHT, TOP = 720, 26, 230, 110, 44


def bars(title, unit, entries):
    """`entries`: (name, low, middle, high, is it ours). The scale begins at 0."""
    most = max(entry[3] for entry in entries) or 1
    scale = (WIDTH - LEFT - RIGHT) / most
    height = TOP + LINE * len(entries) + 16
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">',
             f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
             f'<text x="12" y="24" font-size="15" font-weight="bold">{escape(title)} ({escape(unit)})</text>']
    for place, (name, low, middle, high, is_ours) in enumerate(entries):
        y = TOP + LINE * place
        centre = y + 9
        lines += [f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(name)}</text>',
                  f'<rect x="{LEFT}" y="{y}" width="{middle * scale:.1f}" height="18" fill="{"#2b6cb0" if is_ours else "#a0aec0"}"/>',
                  f'<line x1="{LEFT + low * scale:.1f}" y1="{centre}" x2="{LEFT + high * scale:.1f}" y2="{centre}" stroke="black"/>',
                  f'<text x="{LEFT + high * scale + 6:.1f}" y="{y + 13}">{run.number(middle)}</text>']
    return "\n".join([*lines, "</svg>"]) + "\n"
