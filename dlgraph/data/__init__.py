"""Images of handwritten digits: from this computer's disk, and distorted to have more of them.

::

    (x_train, y_train), (x_test, y_test) = dlgraph.data.mnist()
    more_x, more_y = dlgraph.data.distorted(x_train, y_train, 600_000, seed=1)
"""
from dlgraph.data.digits import digits
from dlgraph.data.distorted import distorted, distorted_chunks
from dlgraph.data.distortion import Distortion
from dlgraph.data.images import DataSet
from dlgraph.data.mnist import mnist

__all__ = ["DataSet", "Distortion", "digits", "distorted", "distorted_chunks", "mnist"]
