"""How a mistake in the C program of a layer kind is found, step by step, on an emulated SpiNN-3 board."""
from gain import GainByTwos, GainMended, GainThatTells
from gain_network import X, network, y

CUT = {"gains": (1, 1, 2)}                     # tiles down, across, blocks of channels

# -- weights
with network(GainByTwos, cuts=CUT) as net:
    twin = net.reference()
    net.train(X, y, batch_size=4, verbose=0)
    twin.train(X, y, batch_size=4, verbose=0)
    for name in ("maps", "gains", "classes"):
        ours, theirs = net.graph.get_weights(name)[0], twin.graph.get_weights(name)[0]
        print(name, (ours != theirs).sum(), "of", ours.size, "weights are not the reference's")
    # -- compare
    comparison = net.compare(X, y, every_layer=False)
    print(comparison)
    # -- elements
    machine = net.trace(X, y, every_layer=False)
    numpy = net.reference().trace(X, y)
    for layer, quantity in (("maps", "errors"), ("gains", "weight_gradient")):
        found, wanted = (getattr(trace[layer], quantity).bits for trace in (machine, numpy))
        places = (found != wanted).nonzero()
        print(layer, quantity, "differ in channels", set(places[-1].tolist()), "and are", found[places][:4], "there instead of",
              wanted[places][:4])
    # -- vertices
    for vertex in net.vertices().of("gains"):
        print(vertex.label)

# -- log
with network(GainThatTells, cuts=CUT) as net:
    net.train(X, y, batch_size=4, verbose=0)
    for vertex in net.vertices().of("gains"):
        print(vertex.label, *vertex.written, sep="\n  ")

# -- mended
with network(GainMended, cuts=CUT) as net:
    comparison = net.compare(X, y, every_layer=False)
    print(str(comparison).splitlines()[0])
    assert comparison.equal
    twin = net.reference()
    for each in (net, twin):
        each.train(X, y, epochs=2, batch_size=4, verbose=0)
    for ours, theirs in zip(net.get_weights(), twin.get_weights(), strict=True):
        assert (ours == theirs).all()
