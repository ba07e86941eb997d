"""Networks as graphs of layers: what users build by hand and what the Keras translator builds from a model.

:class:`Graph` is the one way to a network: ``from_graph`` trains one, ``from_keras`` builds one first.  Nothing here knows of
Keras, or of machines.
"""
from dlgraph.graph.activations import Applied, leaky_relu
from dlgraph.graph.definition import Definition
from dlgraph.graph.goal import Goal
from dlgraph.graph.graph import Graph
from dlgraph.graph.initialisers import Constant, Initialiser, Normal, Scaled, Uniform
from dlgraph.graph.nodes import Node, WeightHome
from dlgraph.graph.values import Value

__all__ = ["Applied", "Constant", "Definition", "Goal", "Graph", "Initialiser", "Node", "Normal", "Scaled", "Uniform", "Value",
           "WeightHome", "leaky_relu"]
