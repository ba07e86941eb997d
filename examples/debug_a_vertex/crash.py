"""What is said of a program that crashes, and of one that never comes back, on an emulated SpiNN-3 board."""
import re

from gain import GainThatCrashes, GainThatHangs
from gain_network import X, network, y

import dlgraph
from dlgraph.binaries.code import functions_of
from dlgraph.binaries.custom import custom_binary

# -- crash
with network(GainThatCrashes, cuts={"gains": (1, 1, 2)}) as net:
    try:
        net.train(X, y, batch_size=4, verbose=0)
    except dlgraph.MachineError as error:
        message = str(error)
    print(message)
    # -- function
    near = int(re.search(r"near (0x\w+)", message)[1], 16)
    for function in functions_of(custom_binary(GainThatCrashes.program, net.graph.optimiser.kind)):
        if function.start <= near < function.end:
            print(f"{function.source}: {function.name}, {near - function.start} bytes behind its beginning")

# -- hang
with network(GainThatHangs, cuts={"gains": (1, 1, 2)}) as net:
    try:
        net.train(X, y, batch_size=4, verbose=0)
    except dlgraph.CoreLost as error:
        print(error)
# -- end
