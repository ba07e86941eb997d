"""Numbers of the data regions; ``enum region`` in ``c_models/layers/vertex.h`` has the same."""
from enum import IntEnum


class Region(IntEnum):
    SYSTEM = 0
    STREAMS = 1        #: stream_config.py
    SHAPE = 2          #: per kind of vertex, fixed when the graph is built
    PASS = 3           #: pass_parameters.py, rewritten before each pass
    RESULT = 4         #: pass_result.py
    PARAMETERS = 5     #: weights or biases, int32
    SAMPLES = 6        #: codes, or labels and targets
    OUTPUTS = 7        #: outputs of every sample, int32; of a probe what came
    TABLE = 8          #: input sources: activation of each code, int16
    STATE = 9          #: what the optimiser keeps of the parameters, 32-bit words
    STEPS = 10         #: update_words.py: what the batches of a pass differ in
    GRADIENT = 11      #: gradients that DTCM does not hold; the vertex's own
    SENT = 12          #: vectors that were sent, to be sent again; the vertex's own
    PACKED = 13        #: packing.py: the words of :data:`PACKED_REGIONS`


#: That the core fills when it starts, from what it finds in :attr:`Region.PACKED`.
PACKED_REGIONS = (Region.STREAMS, Region.SHAPE, Region.PASS)
