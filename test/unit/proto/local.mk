## Unit tests of the layer proto.
