"""The page of a run: whole, offline, and what a name in it cannot do."""
from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as xml
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import spinnemu.boards
from keras_models import data, mlp, on_host
from made_runs import OTHERS, UNFRIENDLY, board_run, host_run, run_without_counters
from spinn_machine.version import version_3, version_5

from dlgraph.callbacks import History
from dlgraph.errors import DataError
from dlgraph.executor import CoreWork, PassPackets
from dlgraph.gfe.pass_packets import PassPacketCounter
from dlgraph.layer_graph import PassResult
from dlgraph.pages import BASES, ChipUse, Compared, Curve, CycleBar, EnergyUse, LayerWords, LinkUse, Run, StageUse, document
from dlgraph.pages import board as board_layout
from dlgraph.pages.data import BASES as DATA_BASES
from dlgraph.pages.document import POLICY, SECTIONS
from dlgraph.pages.markup import Markup, element
from dlgraph.pages.numbers import quantity, ticks
from dlgraph.report import pass_report
from dlgraph.run_report import RunReport, curves_of
from dlgraph.traffic import LinkTraffic

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
import record_page  # noqa: E402

RUNS = {"spinn5": board_run("5"), "spinn3": board_run("3"), "host": host_run(), "board": run_without_counters()}


def parse(page: str) -> xml.Element:
    """The page as XML; fails where it is not well-formed."""
    kind, _, rest = page.partition("\n")
    assert kind == "<!DOCTYPE html>"
    return xml.fromstring(rest)


class Tags(HTMLParser):
    """What a browser makes of a page: elements with their attributes, and whether they are closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("meta", "br")             # for others HTML knows no such thing
        self.found.append((tag, dict(attrs)))


def headings(page: str) -> list[str]:
    return ["".join(each.itertext()) for each in parse(page).iter("h2")]


def words(page: str) -> str:
    """All text, titles of marks among them."""
    return " ".join(" ".join(parse(page)[1].itertext()).split())


@pytest.mark.parametrize("name", RUNS)
def test_a_page_is_whole_and_asks_for_nothing(name: str) -> None:
    page = document([RUNS[name]])
    parse(page)
    tags = Tags(page).found
    assert {tag for tag, _ in tags}.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "form", "base", "image"})
    for tag, given in tags:
        assert not [key for key in given if key.startswith("on") or key in ("src", "srcset", "data", "action")], (tag, given)
        assert given.get("href", "#").startswith("#")                             # type: ignore[union-attr]
    assert not re.search(r"url\(|@import|@font-face|https?:", page)
    assert [given for tag, given in tags if given.get("http-equiv") == "Content-Security-Policy"][0]["content"] == POLICY
    assert POLICY.startswith("default-src 'none'; style-src 'unsafe-inline'")
    ids = [given["id"] for _, given in tags if "id" in given]
    assert len(ids) == len(set(ids))
    assert {given["href"].removeprefix("#") for tag, given in tags if tag == "a"} <= set(ids)      # type: ignore[union-attr]


def everywhere(value: Any, name: str) -> Any:
    """The same data with ``name`` in the place of every string but those that choose something."""
    if isinstance(value, str):
        return value if value in (*BASES, "3", "5") else name
    if isinstance(value, dict):
        return {f"{name}{i}": each for i, each in enumerate(value.values())}
    if isinstance(value, tuple):
        return tuple(everywhere(each, name) for each in value)
    if hasattr(value, "__dataclass_fields__"):
        return type(value)(**{each.name: everywhere(getattr(value, each.name), name) for each in fields(value)})
    return value


def test_names_stay_words_wherever_they_stand() -> None:
    run = everywhere(board_run(), UNFRIENDLY)
    page = document([run, run], UNFRIENDLY, [UNFRIENDLY], OTHERS)
    plain = document([board_run(), board_run()], "title", ["remark"], OTHERS)
    name = "n" * len(UNFRIENDLY)
    friendly = everywhere(board_run(), name)
    expected = document([friendly] * 2, name, [name], OTHERS)
    assert [tag for tag, _ in Tags(page).found] == [tag for tag, _ in Tags(expected).found]
    assert UNFRIENDLY.replace("\0", "\ufffd").replace("\ud800", "\ufffd") in "".join(parse(page).itertext())
    assert "<script" not in page and "<img" not in page and "<script" not in plain
    page.encode()                                                       # half a character of UTF-16 is no text


def test_every_section_comes_where_there_is_something_for_it() -> None:
    assert headings(document([RUNS["spinn5"]])) == [section.TITLE for section in SECTIONS]
    assert headings(document([RUNS["host"]])) == ["What ran", "Training curves"]
    assert "Where the cycles went" not in headings(document([RUNS["board"]]))
    assert headings(document([Run("nothing", "nowhere", False)])) == []


def test_of_two_runs_each_has_its_own_part_below_one_comparison() -> None:
    page = document([RUNS["spinn5"], RUNS["spinn3"]], "both", ["a remark"], OTHERS)
    assert [each.text for each in parse(page).iter("h1")] == ["both", RUNS["spinn5"].title, RUNS["spinn3"].title]
    assert headings(page) == ["Beside others", *[section.TITLE for section in SECTIONS] * 2]


def test_a_page_says_what_is_emulated_and_what_is_not_known() -> None:
    emulated, board, host = (words(document([RUNS[name]])) for name in ("spinn5", "board", "host"))
    assert "nothing was measured on a board" in emulated and "emulated" in emulated
    assert [board[each.start() - 8:each.end() + 5] for each in re.finditer("emulated", board)] == [
        "only an emulated mach", " in the emulated runs"]
    assert "Packets per link are not known" in board and "not counted" in board
    assert "Packets per link are not known" not in emulated
    for text in emulated, board:
        assert "no power was measured" in text and "Stromatias et al." in text and "26.84 W" in text
    assert "chip" not in host and "emulated" not in host and "samples/s" not in host


def test_marks_tell_their_exact_numbers() -> None:
    chip = ChipUse(1, 0, 3, 0.6789, "the busiest", 29_184, 4 << 20)
    run = board_run("3", links=(LinkUse(0, 1, 2, 1_234_567, 89),), chips=(chip,))
    text = words(document([run]))
    assert "chip (0, 1), link 2 (north): 1,234,567 packets, 89 dropped" in text
    assert "chip (1, 0): 68%, 3 cores of the network; busiest: the busiest" in text and "chip (1, 0): 50%" in text
    assert "chip (1, 0): 4.0 MiB" in text and "chip (0, 0): no core of the network" in text
    assert "epoch 3, validation: loss 0.0633333" in text
    bars = [each.get("title", "") for each in parse(document([run])).iter("div")]
    assert "dense, weight slice: 10,286 cycles per sample, awake 96%; expected 11,697" in bars


def test_colours_and_lengths_follow_the_numbers() -> None:
    chips = tuple(ChipUse(x, 0, 1, awake, "", 0, 0) for x, awake in enumerate((0.0, 0.5, 1.0)))
    root = parse(document([board_run("5", chips=chips, links=())]))
    first = next(each for each in root.iter("svg") if each[0].text.startswith("Load"))        # type: ignore[union-attr]
    shades = [each.get("class") for each in first.iter("polygon") if each.get("class") != "chip-none"]
    assert shades == ["h0", "h4", "h8"]
    assert len(list(first.iter("polygon"))) == 48
    bar = board_run(stages=(replace(board_run().stages[0], busy=0.25, cycles=100.0, predicted_cycles=200.0),), cycles=())
    styles = [each.get("style") for each in parse(document([bar])).iter() if each.tag in ("i", "b") and each.get("style")]
    assert styles[:2] == ["width:25.00%", "left:50.00%"]


def test_curves_end_where_their_axes_say() -> None:
    """A dot for each epoch; the least stands lowest."""
    curve = Curve("loss", "training", ((1, 4.0), (2, 2.0), (3, 1.0)))
    root = parse(document([Run("run", "here", False, curves=(curve,))]))
    heights = [float(each.get("cy", "nan")) for each in root.iter("circle")]
    assert heights == sorted(heights) and len(heights) == 3
    marks = {each.text: float(each.get("y", "nan")) - 4 for each in root.iter("text") if each.get("text-anchor") == "end"}
    assert abs(heights[0] - marks["4"]) < 0.2 and abs(heights[1] - marks["2"]) < 0.2 and "0" in marks
    assert len(list(parse(document([Run("run", "here", False, curves=(Curve("loss", "x", ((1, 4.0),)),))])).iter("circle"))) == 1


@pytest.mark.parametrize("low, high", [(0, 0.22), (0.93, 0.999), (0, 0), (5, 5), (-3, -1), (1e-9, 2e-9), (1, 1200), (0, 8.97e6)])
def test_axes_hold_what_they_show(low: float, high: float) -> None:
    marks = ticks(low, high)
    assert marks[0] <= low + 1e-12 and marks[-1] >= high - 1e-12 * abs(high) and 2 <= len(marks) <= 8
    assert marks == sorted(set(marks))


def test_quantities_in_words() -> None:
    assert [quantity(value, "J") for value in (0, 2.79e-3, 722.0, 999.9e-6, 1e-3, 5.66, 2728.7, 4.2e-14, 3e13)] == [
        "0 J", "2.79 mJ", "722 J", "1 mJ", "1 mJ", "5.66 J", "2.73 kJ", "0.042 pJ", "30000 GJ"]


def test_the_boards_have_their_shapes() -> None:
    """As SpiNNMachine and the emulated machine have them; every chip stands beside the six that its links lead to."""
    stock = {"3": version_3.CHIPS_PER_BOARD, "5": version_5.CHIPS_PER_BOARD}
    for board in ("3", "5"):
        chips = board_layout.chips(board)
        assert chips == set(stock[board]) == set(spinnemu.boards.chips(f"spinn{board}"))
        for x, y in chips:
            for link, (step_x, step_y) in enumerate(spinnemu.boards.STEPS):
                leads_to = spinnemu.boards.neighbour(f"spinn{board}", x, y, link)
                assert board_layout.has_link(board, x, y, link) == (leads_to is not None)
                here, there = board_layout.centre(x, y), board_layout.centre(x + step_x, y + step_y)
                middle = [(a + b) / 2 for a, b in zip(here, there, strict=True)]
                side = [sum(each) / 2 for each in zip(board_layout.corner(x, y, link, board_layout.RADIUS),
                                                      board_layout.corner(x, y, link + 1, board_layout.RADIUS), strict=True)]
                assert side == pytest.approx(middle, abs=1e-9)
    assert board_layout.chips("") == set()


def test_three_boards_are_drawn_and_other_numbers_are_what_is_used() -> None:
    assert board_layout.chips("5", 3) == set(spinnemu.boards.chips("spinn5", 3))
    assert all(board_layout.has_link("5", x, y, link, 3) for x, y in board_layout.chips("5", 3) for link in range(6))
    assert board_layout.chips("5", 2) == board_layout.chips("3", 3) == set()
    run = board_run("5", boards=3)
    page = document([run])
    assert "the chips of 3 boards" in page and "chip (11, 11)" in page


def test_rows_of_a_comparison_never_mix() -> None:
    rows = [Compared("b", "published", source="them"), Compared("a", "emulated"), Compared("c", "published", source="them"),
            Compared("d", "measured", 1.0, 2.0, 0.5)]
    bodies = [["".join(each.itertext()) for each in body.iter("th")]
              for body in parse(document([Run("run", "x", False)], rows=rows)).iter("tbody")]
    assert bodies == [[BASES["emulated"], "a"], [BASES["measured"], "d"], [BASES["published"], "b", "c"]]
    assert DATA_BASES is BASES


@pytest.mark.parametrize("given, message", [
    (("x", "guessed"), "basis='guessed' of 'x' is not known. Give one of 'emulated', 'measured'"),
    (("x", "published", 3.0), "'x' is said to be published, without a source. Give source="),
    (("x", "measured", -3.0), "samples_per_second=-3.0 of 'x' cannot be. Give a number from 0, or None"),
    (("x", "measured", None, float("nan")), "joules_per_sample=nan of 'x' cannot be"),
    (("x", "measured", None, None, 1.7), "test_error=1.7 of 'x' cannot be. Give a share of the test samples, from 0 to 1")])
def test_rows_that_cannot_be_are_refused(given: tuple[Any, ...], message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        Compared(*given)


def test_markup_is_escaped_by_being_no_markup() -> None:
    assert element("p", "<b>", Markup("<b>x</b>"), None, title='"', class_="a", data_x=None) == (
        '<p title="&quot;" class="a">&lt;b&gt;<b>x</b></p>')


def test_everything_goes_to_json_and_back() -> None:
    run = board_run()
    told = json.loads(json.dumps(run.as_json()))
    kinds = {"layers": LayerWords, "stages": StageUse, "cycles": CycleBar, "chips": ChipUse, "links": LinkUse, "compared": Compared}
    told |= {name: tuple(kind(**row) for row in told[name]) for name, kind in kinds.items()}
    told["curves"] = tuple(Curve(**row | {"points": tuple(map(tuple, row["points"]))}) for row in told["curves"])
    told["facts"] = tuple(map(tuple, told["facts"]))
    told["energy"] = EnergyUse(**told["energy"] | {"method": tuple(told["energy"]["method"])})
    assert Run(**told) == run and document([Run(**told)]) == document([run])


# ------------------------------------------------------------------------------------------------ from a report

def work(label: str, cycles: int, waiting: int, chip: tuple[int, int] | None, dtcm: int, sdram: int) -> CoreWork:
    return CoreWork("a", "weight slice", 900.0, 10, cycles, waiting, 70, 80, 0, label, chip, dtcm, sdram)


CORES = (work("first", 20_000, 12_000, (0, 0), 500, 1000), work("second", 20_000, 4_000, (0, 0), 300, 50),
         work("third", 19_000, 9_000, (1, 0), 700, 7))


def report(packets: PassPackets | None, machine: str = "emulated SpiNN-3 board") -> RunReport:
    told = pass_report("Epoch 1/1", machine, PassResult(0, 0, 10, machine_cycles=20_000), CORES, training=True)
    return RunReport(**vars(told), emulated=packets is not None, board="3", batch_size=5, cores=CORES, packets=packets)


def test_a_report_puts_cores_together_by_chip() -> None:
    run = report(PassPackets(100, (LinkTraffic(0, 0, 2, 9, 1),))).page(date="today", facts={"seed": 3})
    assert run.chips == (ChipUse(0, 0, 2, 0.8, "second", 500, 1050), ChipUse(1, 0, 1, 0.5, "third", 700, 7))
    assert run.links == (LinkUse(0, 0, 2, 9, 1),)
    assert run.facts == (("date", "today"), ("batch size", "5"), ("seed", "3"))
    assert (run.stages[0].n_cores, run.stages[0].busy, run.machine_seconds, run.n_samples) == (3, 0.8, 1e-4, 10)


def test_energy_of_a_report_by_hand() -> None:
    """0.1 ms of a 4-chip board with 3 cores of the network and 9 of the system, awake 8, 16 and 10 of 20 thousand cycles."""
    used = report(PassPackets(1000, ())).page().energy
    assert used is not None and used.n_loaded == 12
    assert used.board_idle == pytest.approx(3.56e-4) and used.cores == pytest.approx(12 * 0.034e-4)
    assert used.packets == pytest.approx(1000 * 72 * 25e-12) and used.cores_awake == pytest.approx(0.034 * 34_000 / 200e6)
    assert used.total == pytest.approx(3.56e-4 + 0.408e-4 + 0.018e-4)
    assert "12 cores" in used.method[2] and "1,000 multicast packets" in used.method[3] and "emulated" in used.method[0]
    on_board = report(None, "SpiNN-3 board").page().energy
    assert on_board is not None and on_board.packets is None and on_board.total == used.board_idle + used.cores
    assert "emulated" not in on_board.method[0] and "not in the sum" in on_board.method[3]


def test_curves_of_a_history() -> None:
    history = History()
    history.machine_seconds = [0.5, 0.25]
    for epoch in range(2):
        history.add(epoch, {"accuracy": 0.5 + epoch / 4, "loss": 2.0 - epoch, "val_loss": 3.0 - epoch} | (
            {"val_accuracy": 0.5} if epoch else {}))
    assert curves_of(history) == (
        Curve("loss", "training", ((1, 2.0), (2, 1.0))), Curve("loss", "validation", ((1, 3.0), (2, 2.0))),
        Curve("accuracy", "training", ((1, 0.5), (2, 0.75))),
        Curve("machine time of an epoch, s", "machine time", ((1, 0.5), (2, 0.25)), True))
    assert curves_of(None) == () == curves_of(History())


def test_a_network_on_the_host_saves_a_page(tmp_path: Path) -> None:
    x, y = data(40)
    net = on_host(mlp(4, 5, 3)).reference()
    net.train(x, y, epochs=2, verbose=0, validation_data=(x, y))
    trained = net.report()
    assert [(curve.quantity, curve.series, len(curve.points)) for curve in trained.curves] == [
        ("loss", "training", 2), ("loss", "validation", 2), ("accuracy", "training", 2), ("accuracy", "validation", 2)]
    assert trained.save(tmp_path / "run.html", title="mine") == tmp_path / "run.html"
    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert page == trained.html(title="mine") and headings(page) == ["What ran", "Training curves"]
    assert [each.text for each in parse(page).iter("title")][0] == "mine"
    net.predict(x, verbose=0)
    forward = net.report()
    assert forward.curves == trained.curves and (forward.title, forward.batch_size) == ("Predict", None)
    frame = trained._repr_html_()
    assert Tags(frame).found[0][1]["srcdoc"] == trained.html() and Tags(frame).found[0][1]["sandbox"] == ""


def test_packets_of_a_pass_are_those_of_its_runs() -> None:
    """Two runs, and what the machine did between them is of neither."""
    counted = [SimpleNamespace(sent={"mc": 10 * n, "p2p": n}, forwarded={"mc": 3 * n},
                               link_packets={(0, 1, 5): 7 * n, (0, 1, 6): n},
                               dropped_at={(0, 1, 5): n, (0, 1, 6): n}) for n in (1, 2, 50, 54)]
    counter = PassPacketCounter(cast(Any, iter(counted).__next__))
    for _ in range(2):
        with counter.running():
            pass
    assert counter.packets == PassPackets(5 * 10 + 5 * 3, (LinkTraffic(0, 1, 5, 5 * 7, 5),))
    counter.begin()
    assert counter.packets is None
    silent = PassPacketCounter(lambda: None)
    with silent.running():
        pass
    assert silent.packets is None


def test_a_page_of_recorded_trainings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = ROOT / "benchmarks" / "results"
    paths = [str(results / f"{name}.json") for name in ("lenet5", "boosted_lenet4", "train_mnist")]
    assert record_page.main([*paths, "--output", str(tmp_path / "all.html")]) == 0
    page = (tmp_path / "all.html").read_text(encoding="utf-8")
    Tags(page)
    assert headings(page) == ["Beside others"] + ["What ran", "Training curves", "Energy"] * 3
    record = json.loads(Path(paths[0]).read_text(encoding="utf-8"))
    run = record_page.run_of(record)
    assert run.energy is not None and run.energy.total == pytest.approx(record["energy"]["total"])
    assert run.samples_per_second == pytest.approx(record["samples_per_s"]) and run.n_samples == 180_000
    assert [(curve.quantity, curve.series, len(curve.points)) for curve in run.curves] == [
        (quantity, series, 3) for quantity in ("training loss", "error on the test images, %")
        for series in ("emulated SpiNN-5 board", "Keras, floating point")]
    assert run.curves[2].points[-1][1] == pytest.approx(record["figures"]["test_error_percent"])
    assert [(row.basis, row.test_error) for row in record_page.others_of(record)] == [
        ("measured", pytest.approx(0.0108)), ("published", 0.0095)]
    capsys.readouterr()
    with pytest.raises(SystemExit):
        record_page.main([str(results / "deaths.json")])
    assert "deaths.json is no record of train_networks.py" in capsys.readouterr().err


def test_what_cannot_be_shown_or_saved_is_refused(tmp_path: Path) -> None:
    own = report(None)
    for path in (3, "", None, b"run.html", "a\0b"):
        with pytest.raises(DataError, match="is not a path. Give the name of a file, such as 'run.html'"):
            own.save(path)
    with pytest.raises(DataError, match="is a folder. Give the name of a file"):
        own.save(tmp_path)
    with pytest.raises(DataError, match="others has what is no Compared. Give a list of dlgraph.pages.Compared"):
        own.page(others=[("GPU", 3.0)])                         # type: ignore[list-item]
    with pytest.raises(DataError, match="cycles has what is no CycleBar"):
        own.page(cycles=CycleBar("a", "b", {}))                 # type: ignore[arg-type]
    with pytest.raises(DataError, match="test_error=3 cannot be. Give a share"):
        own.page(test_error=3)
    assert list(tmp_path.iterdir()) == []
