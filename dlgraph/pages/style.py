"""How pages look: light and dark, on a phone and on paper."""
from __future__ import annotations

#: Of heat maps, from least to most; for light and for dark surroundings.
HEAT_LIGHT = ("#e6eff9", "#cfe0f3", "#b0cceb", "#8bb3e0", "#6497d2", "#427bbe", "#2c62a4", "#1d4a85", "#123463")
HEAT_DARK = ("#17212d", "#1d3044", "#24415d", "#2c5379", "#366896", "#4580b4", "#629cd0", "#8ebbe5", "#c2dcf6")
N_STEPS = len(HEAT_LIGHT)
#: From this step on, words on it have the surroundings' colour.
INVERTED_FROM = 5

_LIGHT = {"page": "#ffffff", "card": "#f6f7f9", "line": "#d7dbe0", "word": "#1b1f24", "quiet": "#59636e", "none": "#eceef1",
          "a": "#2f6fb5", "b": "#b44d12", "c": "#3b8148", "d": "#8a4fa3", "e": "#9aa3ad", "mark": "#1b1f24"}
_DARK = {"page": "#12161b", "card": "#1a2027", "line": "#333c46", "word": "#e7eaee", "quiet": "#9ba6b2", "none": "#20272f",
         "a": "#6aa5e3", "b": "#e58b4f", "c": "#74bd80", "d": "#c08fd6", "e": "#5d6874", "mark": "#ffffff"}


def _variables(colours: dict[str, str], heat: tuple[str, ...], words: tuple[str, str]) -> str:
    steps = {f"h{i}": colour for i, colour in enumerate(heat)}
    steps |= {f"t{i}": words[i >= INVERTED_FROM] for i in range(len(heat))}
    return "".join(f"--{name}:{colour};" for name, colour in (colours | steps).items())


_LIGHT_VARIABLES = _variables(_LIGHT, HEAT_LIGHT, ("#1b1f24", "#ffffff"))
_DARK_VARIABLES = _variables(_DARK, HEAT_DARK, ("#e7eaee", "#0c1015"))
_STEPS = "".join(f".h{i}{{fill:var(--h{i});background:var(--h{i})}}.t{i}{{fill:var(--t{i})}}" for i in range(N_STEPS))
_SERIES = "".join(f".line-{c}{{stroke:var(--{c});fill:none}}.dot-{c}{{fill:var(--{c})}}.bar-{c}{{background:var(--{c})}}"
                  for c in "abcde")

STYLE = f"""
:root{{color-scheme:light dark;{_LIGHT_VARIABLES}}}
@media (prefers-color-scheme:dark){{:root{{{_DARK_VARIABLES}}}}}
@media print{{:root{{color-scheme:light;{_LIGHT_VARIABLES}}}}}
*{{box-sizing:border-box}}
body{{margin:0 auto;padding:1.2rem 1rem 3rem;max-width:66rem;background:var(--page);color:var(--word);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}}
h1{{font-size:1.6rem;line-height:1.25;margin:0 0 .3rem;overflow-wrap:anywhere}}
main>h1{{margin-top:4rem}}main>h1:first-child{{margin-top:0}}
h2{{font-size:1.2rem;margin:2.4rem 0 .4rem;padding-top:.8rem;border-top:1px solid var(--line)}}
h3{{font-size:1rem;margin:0 0 .4rem}}
p{{margin:.4rem 0;max-width:48rem;overflow-wrap:anywhere}}
.quiet,figcaption,summary,.scale{{color:var(--quiet);font-size:.875rem}}
.badge{{display:inline-block;border:1px solid var(--b);color:var(--b);border-radius:1rem;padding:0 .6rem;font-size:.875rem}}
nav{{margin:.8rem 0;font-size:.875rem}}
nav a{{color:var(--a);margin-right:.9rem;display:inline-block}}
.tiles,.figures{{display:grid;gap:.8rem;margin:.8rem 0;grid-template-columns:repeat(auto-fit,minmax(min(100%,8rem),1fr))}}
.figures{{grid-template-columns:repeat(auto-fit,minmax(min(100%,19rem),1fr))}}
.maps{{grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr))}}
.tiles>div,figure{{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.7rem .8rem}}
.tiles>div,figure{{margin:0;min-width:0}}
.tiles dt{{color:var(--quiet);font-size:.8rem;overflow-wrap:anywhere}}
.tiles dd{{margin:0;font-size:1.05rem;overflow-wrap:anywhere}}
figure svg{{display:block;width:100%;height:auto;max-height:30rem}}
svg text{{fill:var(--word);font-family:inherit}}
svg .faint{{fill:var(--quiet)}}
svg .grid{{stroke:var(--line);stroke-width:1}}
.chip-none{{fill:none;stroke:var(--line)}}
.chip-core{{fill:var(--card)}}
.lost{{stroke:var(--b);stroke-width:2}}
{_STEPS}{_SERIES}
svg .on{{fill:inherit}}
.scale{{display:flex;align-items:center;gap:.4rem;margin-top:.5rem}}
.scale i{{flex:1;height:.6rem;margin:0 -.2rem}}
.key{{display:inline-block;margin-right:1rem}}
.key i{{display:inline-block;width:.8rem;height:.8rem;border-radius:.15rem;margin-right:.35rem;vertical-align:-.05rem}}
.rows{{display:grid;grid-template-columns:fit-content(16rem) 1fr max-content;gap:.35rem .8rem;align-items:center}}
.rows{{margin:.8rem 0}}
.rows>span{{overflow-wrap:anywhere;min-width:0}}
.rows .n{{text-align:right}}
.track{{position:relative;display:flex;height:1.1rem;background:var(--none);border-radius:.2rem;overflow:hidden}}
.track>i{{display:block;height:100%}}
.track>b{{position:absolute;top:0;bottom:0;width:3px;margin-left:-1.5px;background:var(--mark)}}
.thick{{height:1.8rem}}
.wide{{overflow-x:auto;margin:.6rem 0}}
table{{border-collapse:collapse;font-size:.875rem;min-width:100%}}
th,td{{text-align:left;padding:.25rem .7rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top;font-weight:inherit}}
thead th,th.basis{{font-weight:600;color:var(--quiet);white-space:nowrap}}
.n{{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}}
details{{margin:.6rem 0}}
summary{{cursor:pointer}}
li{{margin:.2rem 0}}
@media (max-width:34rem){{h1{{font-size:1.25rem}}
.rows{{grid-template-columns:1fr max-content;grid-auto-flow:row dense}}
.rows .track{{grid-column:1/-1;margin-bottom:.4rem}}}}
@media print{{html{{font-size:11px}}body{{max-width:none;font-size:1rem;padding:0}}
nav,details:not([open]){{display:none}}h2{{break-after:avoid}}
figure,.rows,tr{{break-inside:avoid}}.wide{{overflow:visible}}th,td{{overflow-wrap:anywhere}}
*{{-webkit-print-color-adjust:exact;print-color-adjust:exact}}}}
"""
