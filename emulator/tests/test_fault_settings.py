"""What users may say about faults, and what they are told where they may not; no machine."""
import dataclasses

import pytest
from machine_support import spinnemu

from spinnemu import cli
from spinnemu.boards import chips, neighbour
from spinnemu.faults import DATAGRAM_KINDS, KINDS, PACKET_KINDS, Death, Faults, PacketFault, SlowCore


@pytest.mark.parametrize("given, words", [
    ({"dorp": 0.1}, ["'dorp'", "drop, lose", "Did you mean 'drop'?"]),
    ({"drop": 1.5}, ["drop=1.5", "from 0 to 1", "drop=0.01"]), ({"drop": -0.1}, ["drop=-0.1"]),
    ({"drop": "often"}, ["drop='often'"]), ({"lose": True}, ["lose=True"]), ({"delay": float("nan")}, ["delay=nan"]),
    ({"datagram_loss": 2}, ["datagram_loss=2", "datagram_loss=0.01"]),
    ({"drop": 0.6, "lose": 0.6}, ["lose=0.6", "drop=0.6", "more than 1"]),
    ({"datagram_loss": 0.6, "datagram_reorder": 0.6}, ["more than 1"]),
    ({"seed": -1}, ["seed=-1"]), ({"seed": 2 ** 64}, ["seed="]), ({"seed": 1.5}, ["seed=1.5"]),
    ({"delay_us": 0}, ["delay_us=0"]), ({"delay_us": 1e8}, ["delay_us=", "10,000,000"]), ({"overtaken_by": 0}, ["overtaken_by=0"]),
    ({"types": "mc"}, ["types='mc'", "types=('mc', 'p2p')"]), ({"types": ["ip"]}, ["['ip']"]), ({"types": []}, ["[]"]),
    ({"spare_commands": 3}, ["spare_commands=3", "0 to 63"]), ({"spare_commands": [64]}, ["[64]"]),
    ({"spare_ports": (0,)}, ["spare_ports=(0,)", "1 to 7"]),
    ({"packets": {"kind": "lose"}}, ["packets=", "list"]), ({"packets": [3]}, ["3 in packets", "PacketFault"]),
    ({"packets": [{"rate": 0.1}]}, ["lacks", "kind"]), ({"packets": [{"kind": "lose", "rat": 1}]}, ["'rat'", "Did you mean 'rate'?"]),
    ({"packets": [{"kind": "kill", "rate": 1}]}, ["kind='kill'", "'lose', 'drop'", "deaths=[...]"]),
    ({"packets": [{"kind": "lose"}]}, ["does not say how many", "rate=0.01", "every=100"]),
    ({"packets": [{"kind": "lose", "rate": 0.1, "every": 5}]}, ["rate=0.1", "every=5", "one of them"]),
    ({"packets": [{"kind": "lose", "every": 0}]}, ["every=0"]), ({"packets": [{"kind": "lose", "packets": 0}]}, ["packets=0"]),
    ({"packets": [{"kind": "lose", "at_ms": -1}]}, ["at_ms=-1"]),
    ({"packets": [{"kind": "lose", "at_ms": 1, "after_ms": 1}]}, ["at_ms=1", "after_ms=1", "power-on"]),
    ({"packets": [{"kind": "lose", "at_ms": 5, "until_ms": 5}]}, ["until_ms=5"]),
    ({"packets": [{"kind": "lose", "after_packets": 1.5}]}, ["after_packets=1.5"]),
    ({"packets": [{"kind": "lose", "rate": 1, "link": (0, 0, 6)}]}, ["link=(0, 0, 6)", "links 0 to 5"]),
    ({"packets": [{"kind": "lose", "rate": 1, "core": (0, 0, 18)}]}, ["core=(0, 0, 18)", "physical cores 0 to 17"]),
    ({"packets": [{"kind": "lose", "rate": 1, "core": (0, 0)}]}, ["core=(0, 0)"]),
    ({"packets": [{"kind": "lose", "rate": 1, "core": (0, 0, 1), "link": (0, 0, 1)}]}, ["cannot both be"]),
    ({"packets": [{"kind": "drop", "rate": 1, "to_core": (0, 0, 1)}]}, ["to_core=(0, 0, 1)", "kind='drop'", "kind='lose'"]),
    ({"packets": [{"kind": "lose", "rate": 1, "mask": 0xff}]}, ["mask=0xff", "key="]),
    ({"packets": [{"kind": "lose", "rate": 1, "key": 0x1ff, "mask": 0xff}]}, ["key=0x1ff", "mask=0xff", "key=0xff"]),
    ({"packets": [{"kind": "lose", "rate": 1, "key": 2 ** 32}]}, ["key=4294967296", "32 bits"]),
    ({"deaths": [{}]}, ["one part", "none"]), ({"deaths": [{"core": (0, 0, 1), "chip": (0, 0)}]}, ["core=(0, 0, 1) and chip=(0, 0)"]),
    ({"deaths": [{"chip": (0, 12)}]}, ["chip=(0, 12)", "(x, y)"]), ({"deaths": [{"link": (0, 0, 0), "both_ways": 1}]}, ["both_ways=1"]),
    ({"slow": [{"core": (0, 0, 1)}]}, ["lacks", "factor"]), ({"slow": [{"core": (0, 0, 1), "factor": 0.5}]}, ["factor=0.5", "1000"]),
    ({"packets": [{"kind": "lose", "every": 2}] * 60, "drop": 0.1, "deaths": [{"chip": (1, 1)}] * 4}, ["65 rules", "64"]),
    (0.1, ["faults=0.1", "dictionary", "{'drop': 1e-4, 'seed': 7}"]),
])
def test_what_is_refused(given, words):
    with pytest.raises(ValueError) as refusal:
        Faults.of(given)
    for word in words:
        assert word in str(refusal.value)


@pytest.mark.parametrize("board, rule, words", [
    ("spinn3", {"deaths": [{"core": (2, 0, 1)}]}, ["core=(2, 0, 1)", "spinn3", "4 chips", "(1, 1)"]),
    ("spinn5", {"deaths": [{"chip": (0, 4)}]}, ["chip=(0, 4)", "48 chips"]),
    ("spinn5", {"packets": [{"kind": "lose", "rate": 1, "link": (0, 0, 3)}]}, ["link=(0, 0, 3)", "links 0, 1, 2."]),
    ("spinn5", {"slow": [{"core": (7, 2, 1), "factor": 2}]}, ["core=(7, 2, 1)"]),
    ("spinn3", {"deaths": [{"chip": (0, 0)}]}, ["Ethernet", "at_ms", "boot=False"]),
    ("spinn3", {"deaths": [{"core": (0, 0, p)} for p in range(18)]}, ["Ethernet"]),
])
def test_what_no_board_has(board, rule, words):
    with pytest.raises(ValueError) as refusal:
        Faults.of(rule).check_board(board)
    for word in words:
        assert word in str(refusal.value)


def test_dictionaries_say_the_same_as_dataclasses():
    said = Faults.of({"drop": 1e-4, "seed": 7, "packets": [{"kind": "lose", "rate": 1, "link": [0, 0, 1]}],
                      "deaths": [{"core": [1, 1, 5], "at_ms": 6000}], "slow": [{"core": (0, 0, 3), "factor": 2}]})
    assert said == Faults(drop=1e-4, seed=7, packets=(PacketFault("lose", 1, link=(0, 0, 1)),),
                          deaths=(Death(core=(1, 1, 5), at_ms=6000),), slow=(SlowCore((0, 0, 3), 2),))
    assert Faults.of(said) is said and Faults.of(None) == Faults() and hash(said)
    said.check_board("spinn3")
    Faults.of({"deaths": [{"chip": (0, 0), "at_ms": 5000}]}).check_board("spinn3")
    Faults.of({"deaths": [{"chip": (0, 0)}]}).check_board("spinn3", booted=False)


def test_every_kind_has_its_rate():
    names = {field.name for field in dataclasses.fields(Faults)}
    assert {*PACKET_KINDS, *DATAGRAM_KINDS} <= names and KINDS[:6] == PACKET_KINDS


def test_links_of_boards_lead_both_ways():
    for board, count in (("spinn3", 24), ("spinn5", 240)):
        ends = {(x, y, link): neighbour(board, x, y, link) for x, y in chips(board) for link in range(6)}
        found = {end: other for end, other in ends.items() if other}
        assert len(found) == count
        assert all(ends[*other, (link + 3) % 6] == (x, y) for (x, y, link), other in found.items())


def options(*arguments):
    return spinnemu.fault_options.faults(cli._parser().parse_args(arguments))


def test_the_command_s_options(tmp_path):
    assert options() is None
    assert options("--fault", "drop=1e-4", "--fault", "seed=7", "--fault", "datagram_loss=0.02") == Faults(
        drop=1e-4, seed=7, datagram_loss=0.02)
    assert options("--kill-core", "1,1,5@6000", "--kill-link", "0,0,2", "--kill-chip", "1,0@+20") == Faults(deaths=(
        Death(link=(0, 0, 2)), Death(core=(1, 1, 5), at_ms=6000), Death(chip=(1, 0), after_ms=20)))
    assert options("--slow-core", "0,0,3,2.5@+1") == Faults(slow=(SlowCore((0, 0, 3), 2.5, after_ms=1),))
    said = '{"deaths": [{"chip": [1, 1]}], "lose": 0.5}'
    (tmp_path / "faults.json").write_text(said)
    for given in (said, str(tmp_path / "faults.json")):
        assert options("--faults", given, "--kill-core", "0,0,1", "--fault", "lose=0.25") == Faults(
            lose=0.25, deaths=(Death(chip=(1, 1)), Death(core=(0, 0, 1))))


@pytest.mark.parametrize("arguments, words", [
    (["--fault", "dorp=1"], "'dorp=1' is not NAME=NUMBER"), (["--fault", "drop"], "'drop' is not NAME=NUMBER"),
    (["--kill-core", "1,1,x"], "X,Y,P@MS"), (["--kill-core", "1,1,5@soon"], "X,Y,P@MS"),
    (["--faults", "{"], "neither JSON nor a file"), (["--slow-core", "0,0,1"], "place on a board"),
    (["--slow-core", "0,0,1,x"], "X,Y,P,FACTOR"), (["--kill-chip", "0,0"], "Ethernet"), (["--fault", "drop=2"], "drop=0.01")])
def test_options_that_are_none(capsys, arguments, words):
    try:
        assert cli.main(["--board", "spinn3", *arguments]) == 1
    except SystemExit as end:
        assert end.code == 2
    assert words in capsys.readouterr().err
