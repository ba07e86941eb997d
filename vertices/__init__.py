"""One class per kind of machine vertex: its data regions, keys and resources (C side: ``c_models/layers``)."""
from dlgraph.vertices.convolution_tile_vertex import ConvolutionTileVertex
from dlgraph.vertices.custom_tile_vertex import custom_tile_vertex
from dlgraph.vertices.input_source_vertex import InputSourceVertex
from dlgraph.vertices.network_vertex import NetworkVertex
from dlgraph.vertices.neuron_group_vertex import NeuronGroupVertex
from dlgraph.vertices.output_group_vertex import OutputGroupVertex
from dlgraph.vertices.pass_parameters import PassParameters
from dlgraph.vertices.probe_vertex import ProbeVertex
from dlgraph.vertices.unit_tile_vertex import UnitTileVertex
from dlgraph.vertices.weight_slice_vertex import WeightSliceVertex

__all__ = ["ConvolutionTileVertex", "InputSourceVertex", "NetworkVertex", "NeuronGroupVertex", "OutputGroupVertex",
           "PassParameters", "ProbeVertex", "UnitTileVertex", "WeightSliceVertex", "custom_tile_vertex"]
